import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { limitAddressSpace } from './limit-address-space.ts';

const ALLOCATES = `
  process.stdin.once('data', () => {
    try { new ArrayBuffer(2 ** 30); process.exit(0); } catch { process.exit(7); }
  });
  process.stdout.write('ready');
`;

it.each([
  [2 ** 29, 7],
  [2 ** 32, 0],
])(
  'fails an allocation of a gibibyte where %d bytes are left: exit code %d',
  { timeout: 30_000 },
  async (bytes, code) => {
    const child = spawn(process.execPath, ['-e', ALLOCATES], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    limitAddressSpace(child.pid ?? 0, bytes);
    child.stdin.end('go');
    expect(await once(child, 'exit')).toEqual([code, null]);
  },
);
