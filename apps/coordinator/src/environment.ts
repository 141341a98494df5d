import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname, release, totalmem } from 'node:os';

/** Version of this software. */
export function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

/** What `environment.json` records of the machine that a run was started on. */
export function describeEnvironment(): object {
  return {
    blockpruner: ownVersion(),
    gitCommit: gitCommit(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch} ${release()}`,
    host: hostname(),
    cpu: cpus().at(0)?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    command: process.argv.slice(2),
  };
}

function gitCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
