import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

it('a process whose stderr lost its reader goes on and ends well', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'log-until-told.ts')]);
  const closed = once(child.stderr, 'close');
  child.stderr.destroy();
  await closed;
  child.stdin.end();
  const exited = once(child, 'exit');
  expect(await text(child.stdout)).toBe('logged 100\n');
  await exited;
  expect(child.exitCode).toBe(0);
});
