import { spawnSync } from 'node:child_process';

/** Runs what follows as root of namespaces of its own: for mounts, and for processes that see no others. */
export const OWN_MOUNTS = ['unshare', '--map-root-user', '--mount'];
export const OWN_PROCESSES = [
  'unshare',
  '--map-root-user',
  '--pid',
  '--mount-proc',
  '--fork',
  '--kill-child',
];

/**
 * Whether this machine lets a test do that: containers may not, and some kernels allow it to nobody but root. Says what
 * is left out, and why, where it does not.
 */
export function allows(namespace: readonly string[], script: string, leftOut: string): boolean {
  const [command, ...args] = [...namespace, 'sh', '-c', script];
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return true;
  process.stdout.write(
    `left out, since this machine does not let it: ${leftOut} (${error?.message ?? stderr.trim()})\n`,
  );
  return false;
}
