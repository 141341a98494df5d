import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { progress } from './progress.ts';

const BLOCKPRUNER = join(import.meta.dirname, '../apps/coordinator/bin/blockpruner');

/** The last line of a failed command is shorter. */
const LINE_CHARACTERS = 400;

/**
 * Runs the real command on the CPU. Its progress goes to stderr where it is wanted.
 * @returns what it printed on stdout
 * @throws Error with the command's last line where it fails
 */
export async function runBlockpruner(words: readonly string[], showsProgress = false): Promise<string> {
  progress(`+ blockpruner ${words.join(' ')}`);
  const child = spawn(BLOCKPRUNER, words, {
    env: { ...process.env, CUDA_VISIBLE_DEVICES: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let result = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (result += chunk));
  let tail = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (showsProgress) process.stderr.write(chunk);
    tail = (tail + chunk).slice(-LINE_CHARACTERS);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject).once('close', (...ended) => resolve(ended));
  });
  const lastLine = tail.trimEnd().split('\n').at(-1);
  if (code !== 0)
    throw new Error(`blockpruner ${words[0]} ended by ${signal ?? `exit code ${code}`}: ${lastLine}`);
  return result;
}
