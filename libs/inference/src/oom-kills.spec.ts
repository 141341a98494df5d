import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { counterFiles, oomKills, parseOomKills } from './oom-kills.ts';

const V2_MOUNT = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
const V1_MOUNTS = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
].join('\n');
const EVENTS = 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n';

describe('counterFiles', () => {
  it.each([
    [
      'a service of version 2',
      '0::/system.slice/w.service\n',
      V2_MOUNT,
      ['/sys/fs/cgroup/system.slice/w.service/memory.events'],
    ],
    ['a container with a namespace of its own', '0::/\n', V2_MOUNT, ['/sys/fs/cgroup/memory.events']],
    [
      'a container that sees its group alone, under its name on the host',
      '0::/docker/4f\n',
      '30 23 0:26 /docker/4f /sys/fs/cgroup ro - cgroup2 cgroup rw',
      ['/sys/fs/cgroup/memory.events'],
    ],
    ['a group outside of what is mounted', '0::/../other\n', V2_MOUNT, ['/sys/fs/cgroup/memory.events']],
    [
      'version 1, beside an empty version 2',
      '5:devices:/\n4:memory:/jobs/7\n2:cpu,cpuacct:/jobs/7\n0::/\n',
      V1_MOUNTS,
      ['/sys/fs/cgroup/memory/jobs/7/memory.oom_control', '/sys/fs/cgroup/unified/memory.events'],
    ],
    [
      'a mount point with a blank',
      '0::/a\n',
      '30 23 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup rw',
      ['/mnt/my groups/a/memory.events'],
    ],
    ['no control groups', '', '23 1 8:1 / / rw - ext4 /dev/sda1 rw', []],
    ['a group without its mount', '0::/a\n', '', []],
  ])('finds those of %s', (_, groups, mounts, files) => {
    expect(counterFiles(groups, mounts)).toEqual(files);
  });

  it('takes any text', () => {
    const word = fc.constantFrom(
      '0::/',
      '4:memory:',
      ' - cgroup2 x rw',
      ' / ',
      '\\040',
      '\\',
      ':',
      '\n',
      '/..',
    );
    const text = fc.array(fc.oneof(word, fc.string()), { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (groups, mounts) => {
        expect(counterFiles(groups, mounts).every((file) => typeof file === 'string')).toBe(true);
      }),
    );
  });
});

describe('parseOomKills', () => {
  it.each([
    [EVENTS, 2],
    ['oom_kill_disable 0\nunder_oom 0\noom_kill 14\n', 14],
    ['oom_kill_disable 0\nunder_oom 0\n', undefined],
    ['oom_kill -1\n', undefined],
    ['oom_kill 99999999999999999999\n', undefined],
    ['', undefined],
  ])('reads %j as %s', (text, count) => {
    expect(parseOomKills(text)).toBe(count);
  });

  it('reads a whole number of 0 or more, or nothing, from any damaged file', () => {
    const bytes = Buffer.from(EVENTS);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        const count = parseOomKills(damaged.toString());
        expect(count === undefined || (Number.isSafeInteger(count) && count >= 0)).toBe(true);
      }),
    );
  });
});

describe('oomKills', () => {
  let root: TemporaryFolder;
  beforeEach(() => (root = temporaryFolder()));
  afterEach(() => root.remove());

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root.path, path)), { recursive: true });
    writeFileSync(join(root.path, path), text);
  };

  it('follows the counter of the own group', () => {
    write('proc/self/cgroup', '0::/jobs/7\n');
    write('proc/self/mountinfo', V2_MOUNT);
    write('sys/fs/cgroup/jobs/7/memory.events', EVENTS);
    expect(oomKills(root.path)).toBe(2);
    write('sys/fs/cgroup/jobs/7/memory.events', EVENTS.replace('oom_kill 2', 'oom_kill 3'));
    expect(oomKills(root.path)).toBe(3);
  });

  it('knows nothing where there is nothing to read', () => {
    expect(oomKills(root.path)).toBeUndefined();
    write('proc/self/cgroup', '0::/jobs/7\n');
    write('proc/self/mountinfo', V2_MOUNT);
    expect(oomKills(root.path)).toBeUndefined();
    mkdirSync(join(root.path, 'sys/fs/cgroup/jobs/7/memory.events'), { recursive: true });
    expect(oomKills(root.path)).toBeUndefined();
  });

  it('reads no more than the start of a file', () => {
    write('proc/self/cgroup', '0::/a\n');
    write('proc/self/mountinfo', V2_MOUNT);
    write('sys/fs/cgroup/a/memory.events', `${'x'.repeat(5000)}\noom_kill 1\n`);
    expect(oomKills(root.path)).toBeUndefined();
  });

  it('answers on this machine', () => {
    expect(oomKills() ?? 0).toBeGreaterThanOrEqual(0);
  });
});
