import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const WORKER_MAIN = fileURLToPath(import.meta.resolve('@blockpruner/worker'));

/**
 * `blockpruner worker`: starts the worker's own main, and tells it of our signals over the pipe of its standard input:
 * SIGTERM lets it finish what it has in hand, a second one or SIGINT does not. Where a signal reaches the whole process
 * group, the worker hears of it twice and takes it for one. It ends with us even when we are killed.
 * @returns the exit code
 */
export function worker(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [WORKER_MAIN, ...args, '--parent-pipe'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  let interrupted = false;
  child.stdin.on('error', () => undefined); // it ended first; its exit event says so
  process.on('SIGINT', () => {
    interrupted = true;
    child.stdin.end();
  });
  process.once('SIGTERM', () => {
    process.on('SIGTERM', () => child.stdin.end());
    child.stdin.write('drain\n');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(interrupted ? 130 : (code ?? 1)));
  });
}
