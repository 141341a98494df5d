import { execFileSync } from 'node:child_process';

const MIB = 2 ** 20;

/** Memory in use of each GPU that nvidia-smi lists, whoever uses it; a pod does not see its processes. */
export function gpuMemoryUsedBytes(): number[] {
  const text = execFileSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return text
    .trim()
    .split('\n')
    .map((line) => Number(line) * MIB);
}
