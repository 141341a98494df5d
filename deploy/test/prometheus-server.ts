import { spawn, type ChildProcess } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, waitFor } from '@blockpruner/testkit';

/** As the monitors of components/monitoring have it, and quicker. */
const SCRAPE_INTERVAL = '2s';
const STEP_SECONDS = 2;

interface RuleGroups {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly name: string;
      readonly health: string;
      readonly lastError?: string;
    }[];
  }[];
}

/** One series of an answer: its samples as [time, value]. */
interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/** What is to be scraped, with the labels that the operator's monitors give it. */
export interface Target {
  readonly address: string;
  readonly labels: Readonly<Record<'namespace' | 'pod' | 'container', string>>;
}

const TARGETS_FILE = 'targets.json';

/** A real Prometheus on this machine. */
export class PrometheusServer {
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly url: string;
  private readonly startedMs = Date.now();

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.child = child;
    this.folder = folder;
    this.url = url;
  }

  /** @param rulesFile in the folder, as Prometheus reads it */
  static async start(folder: string, rulesFile: string): Promise<PrometheusServer> {
    const configuration = {
      global: { scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
      rule_files: [rulesFile],
      scrape_configs: [
        {
          job_name: 'blockpruner',
          file_sd_configs: [{ files: [TARGETS_FILE], refresh_interval: SCRAPE_INTERVAL }],
        },
      ],
    };
    writeFileSync(join(folder, TARGETS_FILE), '[]');
    writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(configuration));
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      '--config.file=prometheus.yaml',
      '--storage.tsdb.path=data',
      `--web.listen-address=${address}`,
    ];
    const child = spawn('prometheus', args, { cwd: folder, stdio: 'ignore' });
    const server = new PrometheusServer(child, folder, `http://${address}`);
    const isReady = (): Promise<boolean> =>
      fetch(`${server.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitFor(isReady, { timeoutMs: 60_000 });
    return server;
  }

  /** Scrapes these from now on. */
  scrape(targets: readonly Target[]): void {
    const groups = targets.map(({ address, labels }) => ({ targets: [address], labels }));
    writeFileSync(join(this.folder, `${TARGETS_FILE}.incomplete`), JSON.stringify(groups));
    renameSync(join(this.folder, `${TARGETS_FILE}.incomplete`), join(this.folder, TARGETS_FILE));
  }

  /** The series that an expression had at any time since the start. @throws Error where it is not PromQL */
  async range(query: string): Promise<Series[]> {
    const { result } = await this.ask<{ result: Series[] }>('query_range', {
      query,
      start: String(this.startedMs / 1000),
      end: String(Date.now() / 1000),
      step: String(STEP_SECONDS),
    });
    return result;
  }

  /** What went wrong with each rule that could not be evaluated, by name. */
  async brokenRules(): Promise<Record<string, string>> {
    const { groups } = await this.ask<RuleGroups>('rules', {});
    const rules = groups.flatMap((group) => group.rules).filter(({ health }) => health !== 'ok');
    return Object.fromEntries(rules.map(({ name, health, lastError }) => [name, lastError ?? health]));
  }

  stop(): void {
    this.child.kill();
  }

  private async ask<T>(what: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${what}?${new URLSearchParams(parameters).toString()}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${parameters.query ?? what}: ${answer.error}`);
    return answer.data;
  }
}
