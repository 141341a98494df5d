import { fork, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FetchNews, FetchOrder } from './fetch-child.ts';
import { sha256, writeModelFolder, type ModelFolder } from './model-folder.ts';

const MIB = 2 ** 20;
const CHILD = join(import.meta.dirname, 'fetch-child.ts');

/** A process that fetches, and what it has said. */
class Fetcher {
  readonly news: FetchNews[] = [];
  readonly child: ChildProcess;

  /** @param before a line of shell that the process is started after */
  constructor(order: FetchOrder, before?: string) {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    this.child =
      before === undefined
        ? fork(CHILD, { stdio: [...stdio] })
        : spawn('sh', ['-c', `${before}; exec "$0" "$@"`, process.execPath, CHILD], { stdio: [...stdio] });
    this.child.on('message', (news) => this.news.push(news as FetchNews));
    this.child.send(order);
  }

  get doneBytes(): number {
    return Math.max(0, ...this.news.map((news) => (news.kind === 'event' ? news.doneBytes : 0)));
  }

  async hears(event: string): Promise<void> {
    await waitFor(() => this.news.some((news) => news.kind === 'event' && news.event === event), {
      timeoutMs: 30_000,
    });
  }

  async end(): Promise<FetchNews> {
    const last = (): FetchNews | undefined => this.news.find(({ kind }) => kind !== 'event');
    await waitFor(() => last() !== undefined, { timeoutMs: 60_000 });
    return last()!;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}

describe('processes that share a cache', () => {
  let folder: TemporaryFolder;
  let model: ModelFolder;
  const fetchers: Fetcher[] = [];

  beforeEach(() => {
    folder = temporaryFolder();
    model = writeModelFolder(join(folder.path, 'model'), {
      'config.json': 300,
      'model.safetensors': 4 * MIB + 7,
    });
  });
  afterEach(async () => {
    await Promise.all(fetchers.splice(0).map((fetcher) => fetcher.kill()));
    folder.remove();
  });

  const weights = (): Buffer => model.bytes.get('model.safetensors')!;
  const start = (change: Partial<FetchOrder> = {}, before?: string, of = model): Fetcher => {
    const fetcher = new Fetcher(
      {
        fingerprint: of.fingerprint,
        files: [...of.bytes.keys()].map((name) => ({ name, path: join(of.path, name) })),
        hashFolder: join(folder.path, 'of-coordinator'),
        cacheFolder: join(folder.path, 'cache'),
        limitBytes: null,
        bytesPerSecond: 2 * MIB,
        chunkBytes: MIB / 4,
        ...change,
      },
      before,
    );
    fetchers.push(fetcher);
    return fetcher;
  };
  const isWhole = (path: string): boolean => readFileSync(join(path, 'model.safetensors')).equals(weights());

  it('fetch a model once: one does, the others see how it gets on', async () => {
    const all = [start(), start(), start()];
    const ends = await Promise.all(all.map((fetcher) => fetcher.end()));
    const served = ends.map((end) => (end.kind === 'done' ? end.servedBytes : NaN));
    expect(served.reduce((sum, bytes) => sum + bytes, 0)).toBe(4 * MIB + 7 + 300);
    for (const end of ends) expect(end.kind === 'done' && isWhole(end.path)).toBe(true);
    const watching = all.filter(({ news }) =>
      news.some((one) => one.kind === 'event' && one.event === 'shared'),
    );
    expect(watching.length).toBeGreaterThan(0);
    expect(watching.every(({ doneBytes }) => doneBytes > MIB)).toBe(true);
  });

  it('go on where one was killed', async () => {
    const first = start();
    await waitFor(() => first.doneBytes > MIB, { timeoutMs: 30_000 });
    const second = start();
    await second.hears('shared');
    await first.kill();
    const end = await second.end();
    expect(end.kind === 'done' && isWhole(end.path)).toBe(true);
    expect(end.kind === 'done' && end.servedBytes).toBeLessThanOrEqual(3 * MIB + 7);
    const left = readdirSync(join(folder.path, 'cache/artifacts'));
    expect(left.sort()).toEqual([...model.bytes.values()].map(sha256).sort());
  });

  it('keep a model while one of them lives, and not after', async () => {
    const other = writeModelFolder(join(folder.path, 'other'), { 'model.safetensors': 3 * MIB });
    const limits = { limitBytes: 5 * MIB, bytesPerSecond: null };
    const holder = start(limits);
    expect(await holder.end()).toMatchObject({ kind: 'done' });
    expect(await start(limits, undefined, other).end()).toMatchObject({
      kind: 'failed',
      code: 'does-not-fit',
    });
    await holder.kill();
    expect(await start(limits, undefined, other).end()).toMatchObject({ kind: 'done' });
  });

  it('say so when the disk takes no more, and go on when it does', async () => {
    // 512-byte blocks: files end at 2 MiB.
    const full = await start({ bytesPerSecond: null }, 'ulimit -f 4096').end();
    expect(full).toMatchObject({
      kind: 'failed',
      code: 'disk-full',
      message: expect.stringMatching(
        /no space left \(EFBIG\): free some, or name another --cache-dir/,
      ) as string,
    });
    const end = await start({ bytesPerSecond: null }).end();
    expect(end.kind === 'done' && isWhole(end.path)).toBe(true);
    expect(end.kind === 'done' && end.servedBytes).toBeLessThan(3 * MIB);
  });
});
