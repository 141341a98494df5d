import { freePort } from '@blockpruner/testkit';
import { MetricsRegistry } from '@blockpruner/telemetry';
import { probeHealth } from '@blockpruner/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { MonitoringPorts } from '../src/monitoring-ports.ts';
import { Readiness } from '../src/readiness.ts';

const HOST = '127.0.0.1';

describe('monitoring ports', () => {
  const opened: MonitoringPorts[] = [];
  const open = async (options: { health?: number; metrics?: number }, readiness: Readiness) => {
    const registry = new MetricsRegistry();
    registry.gauge({ name: 'iteration', help: 'Iteration under way.' }).set(7);
    const address = (port: number | undefined) => (port === undefined ? undefined : { host: HOST, port });
    const ports = await MonitoringPorts.open({
      health: address(options.health),
      metrics: address(options.metrics),
      registry,
      readiness,
    });
    opened.push(ports);
    return ports;
  };
  afterEach(() => opened.splice(0).forEach((ports) => ports.close()));

  it('tells by gRPC that the process lives, and when it is ready', async () => {
    const port = await freePort();
    const readiness = new Readiness('no coordinator yet');
    await open({ health: port }, readiness);
    const ask = (service: string) => probeHealth({ host: HOST, port }, service);
    expect(await ask('')).toBe('SERVING');
    expect(await ask('liveness')).toBe('SERVING');
    expect(await ask('readiness')).toBe('NOT_SERVING');
    readiness.ready();
    expect(await ask('readiness')).toBe('SERVING');
    readiness.notReady('draining');
    expect(await ask('readiness')).toBe('NOT_SERVING');
    expect(await ask('liveness')).toBe('SERVING');
    await expect(ask('another')).rejects.toThrow(/NOT_FOUND/);
  });

  it('serves metrics and the reason for not being ready over HTTP', async () => {
    const readiness = new Readiness('no coordinator yet');
    const { metricsPort } = await open({ metrics: 0 }, readiness);
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://${HOST}:${metricsPort}${path}`, { method });
      return {
        status: response.status,
        body: await response.text(),
        type: response.headers.get('content-type'),
      };
    };
    const metrics = await get('/metrics');
    expect(metrics.status).toBe(200);
    expect(metrics.type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(metrics.body).toContain('\nblockpruner_iteration 7\n');
    expect(await get('/readyz')).toMatchObject({ status: 503, body: 'no coordinator yet\n' });
    readiness.ready();
    expect(await get('/readyz?verbose')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await get('/')).toMatchObject({ status: 404 });
    expect(await get('/metrics', 'POST')).toMatchObject({ status: 405 });
  });

  it('names a port that is taken, and leaves none open', async () => {
    const taken = await open({ metrics: 0 }, new Readiness('starting'));
    const health = await freePort();
    const metrics = taken.metricsPort ?? 0;
    await expect(open({ health, metrics }, new Readiness('starting'))).rejects.toThrow(
      `${HOST}:${metrics} is in use: choose another port`,
    );
    await expect(open({ health: metrics }, new Readiness('starting'))).rejects.toThrow(
      `${HOST}:${metrics} is in use: choose another port`,
    );
    await open({ health }, new Readiness('starting'));
  });
});
