import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RunFolder, type RunClock } from '../src/index.ts';
import { FAST, runPath } from './example-run.ts';
import { cellsOf, decisionOf, DENSE, NEW_RUN, NUMERIC_CLASS } from './example-values.ts';

/** A clock turned by hand: sleeping moves it, and heartbeats come when the test says so. */
class HandClock implements RunClock {
  nowMs = 0;
  wallSeconds = 1_700_000_000;
  readonly ticks: (() => void)[] = [];
  onSleep: (ms: number) => void = () => undefined;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallTime(): string {
    this.wallSeconds -= 3600; // Somebody keeps setting the wall clock back.
    return new Date(1000 * this.wallSeconds).toISOString();
  }

  sleep(ms: number): Promise<void> {
    this.nowMs += ms;
    this.onSleep(ms);
    return Promise.resolve();
  }

  every(_ms: number, tick: () => void): () => void {
    this.ticks.push(tick);
    return () => this.ticks.splice(this.ticks.indexOf(tick), 1);
  }
}

const ownerId = (path: string): string =>
  (JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8')) as { ownerId: string }).ownerId;

async function startChild(path: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const script = join(import.meta.dirname, 'child-run.ts');
  const child = spawn(process.execPath, [script, 'appendUntilKilled', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('two coordinators on one run folder', () => {
  it('refuses the second while the heartbeat of the first moves, naming its process and host', async () => {
    const path = runPath();
    const run = await RunFolder.create(path, NEW_RUN, FAST);
    const waits: string[] = [];
    await expect(RunFolder.open(path, { ...FAST, onWait: (line) => waits.push(line) })).rejects.toMatchObject(
      {
        code: 'owned',
        message: `${path} is in use by process ${process.pid} on ${hostname()}: wait until it ends, or stop it`,
      },
    );
    expect(waits).toEqual([
      `${path} was left by process ${process.pid} on ${hostname()}: waiting up to 1 s to see whether it still runs`,
    ]);
    run.appendCells(cellsOf([]), NUMERIC_CLASS);
    await run.appendDense(DENSE);
    await run.release();
  });

  it('refuses the second when the first lives in another process', async () => {
    const path = runPath();
    const child = await startChild(path);
    await expect(RunFolder.open(path, { pollMs: 100 })).rejects.toMatchObject({
      code: 'owned',
      message: new RegExp(`process ${child.pid} `),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
  }, 30_000);

  it('gives the folder at once to the next when the first has ended cleanly', async () => {
    const path = runPath();
    const clock = new HandClock();
    await (await RunFolder.create(path, NEW_RUN, { clock })).release();
    expect(existsSync(join(path, 'owner.json'))).toBe(false);
    const run = await RunFolder.open(path, { clock });
    await run.release();
    await run.release();
    expect(clock.nowMs).toBe(0);
    expect(clock.ticks).toEqual([]);
  });

  it('goes on from the last decision after kill -9, and need not wait where the process provably is gone', async () => {
    const path = runPath();
    const child = await startChild(path);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const hasProof = existsSync('/proc/sys/kernel/random/boot_id');
    const waits: string[] = [];
    const run = await RunFolder.open(path, { onWait: (line) => waits.push(line), ...(hasProof ? {} : FAST) });
    expect(waits).toHaveLength(hasProof ? 0 : 1);
    expect(run.state.decisions).toEqual([decisionOf(1, 'mha.1')]);
    expect(run.state.cells.slice(0, 10)).toEqual(cellsOf([]));
    expect([10, 18]).toContain(run.state.cells.length);
    await run.appendDecision(decisionOf(2, 'mlp.0'));
    await run.release();
  }, 30_000);

  it('waits for staleness by its own monotonic clock, whatever the wall clocks say', async () => {
    const path = runPath();
    await RunFolder.create(path, NEW_RUN, { clock: new HandClock() }); // Never beats again.
    const clock = new HandClock();
    const run = await RunFolder.open(path, { clock, staleMs: 30_000, pollMs: 1000 });
    expect(clock.nowMs).toBeGreaterThanOrEqual(30_000);
    expect(clock.nowMs).toBeLessThan(32_000);
    await run.release();
  });

  it('does not count a pause of the observer as silence of the owner', async () => {
    const path = runPath();
    const first = new HandClock();
    const run = await RunFolder.create(path, NEW_RUN, { clock: first });
    const observer = new HandClock();
    let sleeps = 0;
    observer.onSleep = () => {
      if (++sleeps === 1) observer.nowMs += 3_600_000; // The machine was suspended, owner and observer alike.
      if (sleeps === 3) first.ticks.forEach((tick) => tick());
    };
    await expect(RunFolder.open(path, { clock: observer })).rejects.toMatchObject({ code: 'owned' });
    await run.release();
  });

  it('writes nothing more once another has taken the folder over', async () => {
    const path = runPath();
    const stalled = new HandClock();
    const first = await RunFolder.create(path, NEW_RUN, { clock: stalled });
    const second = await RunFolder.open(path, { clock: new HandClock() });
    const sizes = (): number[] =>
      ['journal.jsonl', 'cells.bin'].map((name) => statSync(join(path, name)).size);
    const before = [ownerId(path), ...sizes()];

    const lost = {
      code: 'lost-ownership',
      message: /now belongs to process \d+ on .*: this process stopped writing/,
    };
    stalled.ticks.forEach((tick) => tick());
    expect(() => first.appendCells(cellsOf([]), NUMERIC_CLASS)).toThrow(
      expect.objectContaining({ code: 'lost-ownership' }),
    );
    expect(() => first.appendEvent({ kind: 'worker-joined' })).toThrow(/now belongs to/);
    await expect(first.appendDense(DENSE)).rejects.toMatchObject(lost);
    await expect(first.appendDecision(decisionOf(1, 'mha.1'))).rejects.toMatchObject(lost);
    await first.release();
    expect([ownerId(path), ...sizes()]).toEqual(before);

    await second.appendDense(DENSE);
    await second.release();
  });

  it('gives a dead run to only one of several that want it', async () => {
    const path = runPath();
    await RunFolder.create(path, NEW_RUN, { clock: new HandClock() });
    const attempts = await Promise.allSettled([0, 1, 2].map(() => RunFolder.open(path, FAST)));
    const owners = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(owners).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'owned' });
    }
    owners[0].value.appendCells(cellsOf([]), NUMERIC_CLASS);
    await owners[0].value.release();
  });

  it('refuses, and does not hang, where owner.json can be neither read nor made', async () => {
    const path = runPath();
    await (await RunFolder.create(path, NEW_RUN)).release();
    symlinkSync('nowhere', join(path, 'owner.json'));
    await expect(RunFolder.open(path)).rejects.toMatchObject({ code: 'owned' });
  });

  it.each(['', '{"ownerId":', '[]'])(
    'waits for an owner.json that says %j like for any other',
    async (text) => {
      const path = runPath();
      await (await RunFolder.create(path, NEW_RUN)).release();
      writeFileSync(join(path, 'owner.json'), text);
      const clock = new HandClock();
      const run = await RunFolder.open(path, { clock });
      expect(clock.nowMs).toBeGreaterThanOrEqual(30_000);
      await run.release();
    },
  );

  it('does not keep the process alive', async () => {
    const path = runPath();
    const child = spawn(process.execPath, [
      join(import.meta.dirname, 'child-run.ts'),
      'createAndLeave',
      path,
    ]);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(existsSync(join(path, 'owner.json'))).toBe(true);
  }, 30_000);
});
