import { execFile } from 'node:child_process';
import { readdir, stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { formatBytes } from '@blockpruner/telemetry';
import { FleetServer } from '@blockpruner/wire';
import { ownVersion } from '../environment.ts';
import { RunError } from '../usage-error.ts';
import { visibleGpus } from '../worker-plan.ts';
import { WORKER_MAIN } from './worker.ts';

/** One line of the report; `ok` false makes the command fail. */
interface Finding {
  readonly what: string;
  readonly found: string;
  readonly ok: boolean;
}

interface SelfTest {
  readonly engine: string;
  readonly numericClass: string;
  readonly providers: readonly { readonly name: string; readonly bundled: boolean }[];
  readonly meanNats: number;
  readonly expectedNats: number;
  readonly seconds: number;
}

const SELF_TEST_TOLERANCE_NATS = 1e-6;
/** What a decoded GGUF of a small model takes; less free space than this is worth a warning. */
const LITTLE_DISK_BYTES = 2 ** 30;

/**
 * `blockpruner doctor`: what this machine can do, checked by doing it.
 * @throws RunError when something that every run needs does not work
 */
export async function doctor(
  cacheFolder: string,
  json: boolean,
  print: (text: string) => void,
): Promise<void> {
  const findings = [
    { what: 'blockpruner', found: ownVersion(), ok: true },
    { what: 'node', found: process.versions.node, ok: true },
    {
      what: 'cpu',
      found: `${cpus().at(0)?.model ?? 'unknown'}, ${availableParallelism()} cores, ${formatBytes(process.availableMemory())} of memory free`,
      ok: true,
    },
    { what: 'gpus', found: String(visibleGpus()), ok: true },
    ...(await engineFindings()),
    await portFinding(),
    ...(await cacheFindings(resolve(cacheFolder))),
  ];
  print(
    json
      ? JSON.stringify(findings)
      : findings
          .map(({ what, found, ok }) => `${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(14)} ${found}`)
          .join('\n'),
  );
  const bad = findings.find((finding) => !finding.ok);
  if (bad) throw new RunError(`${bad.what}: ${bad.found}`);
}

async function engineFindings(): Promise<Finding[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [WORKER_MAIN, '--self-test']);
    const test = JSON.parse(stdout) as SelfTest;
    const error = Math.abs(test.meanNats - test.expectedNats);
    const providers = test.providers.map(({ name, bundled }) =>
      bundled ? name : `${name} (libraries not bundled)`,
    );
    return [
      { what: 'onnxruntime', found: test.engine, ok: true },
      { what: 'providers', found: providers.join(', '), ok: true },
      { what: 'numeric class', found: test.numericClass, ok: true },
      {
        what: 'self-test',
        found: `one layer gives ${test.meanNats.toFixed(6)} nats, ${test.expectedNats.toFixed(6)} expected, in ${test.seconds.toFixed(1)} s`,
        ok: error < SELF_TEST_TOLERANCE_NATS,
      },
    ];
  } catch (error) {
    return [{ what: 'self-test', found: (error as Error).message.split('\n')[0], ok: false }];
  }
}

async function portFinding(): Promise<Finding> {
  const nothing = (): void => undefined;
  const server = new FleetServer({ onHello: nothing, onMessage: nothing, onClosed: nothing });
  try {
    const port = await server.listen('127.0.0.1', 0);
    return { what: 'ports', found: `can listen (tried 127.0.0.1:${port})`, ok: true };
  } catch (error) {
    return { what: 'ports', found: (error as Error).message, ok: false };
  } finally {
    await server.close();
  }
}

async function cacheFindings(folder: string): Promise<Finding[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => [] as string[]);
  let bytes = 0;
  for (const entry of entries) {
    const found = await stat(join(folder, entry)).catch(() => undefined);
    if (found?.isFile()) bytes += found.size;
  }
  const { bavail, bsize } = await statfs(await nearestExisting(folder));
  return [
    { what: 'cache', found: `${folder} holds ${formatBytes(bytes)}`, ok: true },
    {
      what: 'free disk',
      found: `${formatBytes(bavail * bsize)} for the cache`,
      ok: bavail * bsize >= LITTLE_DISK_BYTES,
    },
  ];
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  return found ? folder : nearestExisting(join(folder, '..'));
}
