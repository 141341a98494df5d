import { createServer, type Server } from 'node:https';
import { readFileSync } from 'node:fs';
import { CertificateAuthority, temporaryFolder } from '@blockpruner/testkit';
import { apply, tryKubectl } from './kubectl.ts';

const GROUP = 'external.metrics.k8s.io';
const VERSION = 'v1beta1';
const API_SERVICE = `${VERSION}.${GROUP}`;
const SERVICE = 'blockpruner-test-metrics';

/**
 * An external metric whose value the test says, where a cluster has the adapter of its monitoring: the apiserver asks us,
 * through a Service that names this machine.
 */
export class MetricAdapter {
  private readonly server: Server;
  value = 0;
  /** Names that were asked for. */
  readonly asked = new Set<string>();

  private constructor(server: Server) {
    this.server = server;
  }

  static async serve(): Promise<MetricAdapter> {
    const folder = temporaryFolder();
    const { certFile, keyFile } = new CertificateAuthority('metrics').issue(folder.path, 'metrics');
    const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
    folder.remove();
    const adapter = new MetricAdapter(server);
    server.on('request', ({ url = '' }, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(adapter.answer(url)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: SERVICE, namespace: 'kube-system' },
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: API_SERVICE },
        spec: {
          group: GROUP,
          version: VERSION,
          groupPriorityMinimum: 100,
          versionPriority: 100,
          insecureSkipTLSVerify: true,
          service: { name: SERVICE, namespace: 'kube-system', port },
        },
      },
    );
    return adapter;
  }

  async close(): Promise<void> {
    await tryKubectl(['delete', 'apiservice', API_SERVICE, '--ignore-not-found']);
    await tryKubectl(['delete', 'service', SERVICE, '-n', 'kube-system', '--ignore-not-found']);
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(url: string): object {
    const metricName = /\/namespaces\/[^/]+\/([^/?]+)/.exec(url)?.[1];
    if (metricName === undefined) {
      return {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: `${GROUP}/${VERSION}`,
        resources: [],
      };
    }
    this.asked.add(metricName);
    const item = {
      metricName,
      metricLabels: {},
      timestamp: new Date().toISOString(),
      value: String(this.value),
    };
    return {
      kind: 'ExternalMetricValueList',
      apiVersion: `${GROUP}/${VERSION}`,
      metadata: {},
      items: [item],
    };
  }
}
