import { execFile, spawn } from 'node:child_process';

/** Longest that one call may take; waits longer than that are made of several. */
const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 256 * 2 ** 20;

/** What a call of kubectl ended with. */
export interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An object of the apiserver, as far as a test looks into it. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly uid: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Calls kubectl on the cluster of KUBECONFIG; resolves whatever its exit code is. @param input of its stdin */
export function tryKubectl(args: readonly string[], input = ''): Promise<Called> {
  return new Promise((resolve) => {
    const child = execFile(
      'kubectl',
      args,
      { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr: stderr || (error?.message ?? '') });
      },
    );
    child.stdin?.on('error', () => undefined); // it ended before it had read everything
    child.stdin?.end(input);
  });
}

/** @throws Error with what kubectl said */
export async function kubectl(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await tryKubectl(args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

/** The objects that `kubectl get ARGS -o json` finds. */
export async function list<T extends KubernetesObject>(args: readonly string[]): Promise<T[]> {
  const { items } = JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as { items: T[] };
  return items;
}

/** Applies objects; they are JSON, which is YAML too. */
export async function apply(...objects: readonly object[]): Promise<void> {
  await kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
}

/** A `kubectl` that goes on until it is stopped, such as `get --watch`. */
export function follow(args: readonly string[], onText: (text: string) => void): { stop(): void } {
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.setEncoding('utf8').on('data', onText);
  return { stop: () => void child.kill() };
}
