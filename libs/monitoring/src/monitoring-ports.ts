import type { MetricsRegistry } from '@blockpruner/telemetry';
import { HealthServer, type Address } from '@blockpruner/wire';
import { listenForScrapes } from './http-server.ts';
import type { Readiness } from './readiness.ts';

export interface MonitoringPortsOptions {
  /** For the gRPC health protocol; absent: none. */
  readonly health?: Address;
  /** For `/metrics` and `/readyz` over HTTP; absent: none. */
  readonly metrics?: Address;
  readonly registry: MetricsRegistry;
  readonly readiness: Readiness;
}

/** The ports that a cluster watches a process by. */
export class MonitoringPorts {
  /** That was bound; null where none was asked for. */
  readonly metricsPort: number | null;
  private readonly closers: readonly (() => void)[];

  private constructor(metricsPort: number | null, closers: readonly (() => void)[]) {
    this.metricsPort = metricsPort;
    this.closers = closers;
  }

  /** @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound */
  static async open({
    health,
    metrics,
    registry,
    readiness,
  }: MonitoringPortsOptions): Promise<MonitoringPorts> {
    const closers: (() => void)[] = [];
    let metricsPort: number | null = null;
    if (health) {
      const server = await HealthServer.listen(health, readiness.isReady);
      readiness.onChange((reason) => (server.isReady = reason === null));
      closers.push(() => server.close());
    }
    try {
      if (metrics) {
        const { server, port } = await listenForScrapes(metrics, registry, readiness);
        metricsPort = port;
        closers.push(() => {
          server.close();
          server.closeAllConnections();
        });
      }
    } catch (error) {
      for (const close of closers) close();
      throw error;
    }
    return new MonitoringPorts(metricsPort, closers);
  }

  close(): void {
    for (const close of this.closers) close();
  }
}
