import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CPU_SHAPE_PLAN, shrinkPlan, type ShapePlan } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { limitAddressSpace, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { RunnerHarness } from './runner-harness.ts';

/** Lengths of rows that keep a child busy for seconds, and for a moment. */
const LONG = new Array<number>(300).fill(130);
const SHORT = [40, 40, 33];
const SMALLEST_PLAN: ShapePlan = { ...CPU_SHAPE_PLAN, headChunkTokens: 16 };

let harness: RunnerHarness;
afterEach(() => harness.close());

describe('a worker whose compute process is killed', { timeout: 120_000 }, () => {
  it('hands the task back with the same plan, keeps the one that waits, and computes on', async () => {
    harness = await RunnerHarness.start();
    const waiting = harness.task('waiting', SHORT);
    harness.runner.assign(harness.task('killed', LONG));
    harness.runner.assign(waiting);
    await harness.killDuring('killed');
    expect(await harness.failure('killed')).toEqual({
      kind: 'taskFailed',
      taskId: 'killed',
      reason: 'the compute process was killed by SIGKILL',
      retryable: true,
      shrunkPlan: null,
    });
    const again = harness.task('again', SHORT);
    harness.runner.assign(again);
    await harness.done('again');
    await harness.done('waiting');
    const expected = await harness.oracleCells(again);
    expect(harness.cells('again')).toEqual(expected);
    expect(harness.cells('waiting')).toEqual(expected);
    expect(harness.said.filter(({ kind }) => kind === 'taskFailed')).toHaveLength(1);
  });

  it('sends nothing of the run that was cut off', async () => {
    harness = await RunnerHarness.start();
    const task = harness.task('killed', LONG);
    harness.runner.assign(task);
    await harness.killDuring('killed');
    await harness.failure('killed');
    const arrived = harness.cells('killed');
    const rows = task.rows.filter(({ index }) =>
      [...arrived.keys()].some((key) => key.endsWith(`/${index}`)),
    );
    const expected = await harness.oracleCells({ ...task, rows });
    for (const [key, windowSums] of arrived) expect(windowSums, key).toEqual(expected.get(key));
    expect(harness.said.some((message) => message.kind === 'taskDone')).toBe(false);
  });

  it('shrinks the plan when one task has killed it twice, under whatever id', async () => {
    harness = await RunnerHarness.start();
    harness.runner.assign(harness.task('first', LONG));
    await harness.killDuring('first');
    expect(await harness.failure('first')).toMatchObject({ shrunkPlan: null });
    const part = harness.task('second', LONG);
    harness.runner.assign({ ...part, rows: part.rows.slice(100) });
    await harness.killDuring('second');
    expect(await harness.failure('second')).toEqual({
      kind: 'taskFailed',
      taskId: 'second',
      reason: 'the compute process was killed by SIGKILL twice over one task, as if for want of memory',
      retryable: true,
      shrunkPlan: shrinkPlan(CPU_SHAPE_PLAN),
    });
    harness.runner.assign(harness.task('third', SHORT));
    await harness.done('third');
  });

  it('gives up after three deaths over tasks that have nothing in common', async () => {
    harness = await RunnerHarness.start();
    for (const block of [0, 1, 2]) {
      const taskId = `block ${block}`;
      harness.runner.assign(harness.task(taskId, LONG, { candidates: [block], baseline: false }));
      await harness.killDuring(taskId);
      expect(await harness.failure(taskId)).toMatchObject({ retryable: true, shrunkPlan: null });
    }
    expect(await harness.says(({ kind }) => kind === 'failed')).toEqual({
      kind: 'failed',
      reason: 'the compute process was killed by SIGKILL, 3 times in a row without a finished task',
    });
    expect(harness.account.tasks).toEqual({ done: 0, failed: 3, cancelled: 0 });
  });
});

describe('a worker that the kernel kills for want of memory', { timeout: 120_000 }, () => {
  let system: TemporaryFolder;
  afterEach(() => system.remove());

  const countKills = (count: number): void =>
    writeFileSync(join(system.path, 'cg/w/memory.events'), `oom ${count}\noom_kill ${count}\n`);

  async function startInGroup(): Promise<void> {
    system = temporaryFolder();
    mkdirSync(join(system.path, 'proc/self'), { recursive: true });
    mkdirSync(join(system.path, 'cg/w'), { recursive: true });
    writeFileSync(join(system.path, 'proc/self/cgroup'), '0::/w\n');
    writeFileSync(join(system.path, 'proc/self/mountinfo'), '30 23 0:26 / /cg rw - cgroup2 cgroup rw\n');
    countKills(4);
    harness = await RunnerHarness.start({}, {}, system.path);
  }

  it('shrinks the plan at once, and at each further time', async () => {
    await startInGroup();
    let plan: ShapePlan = CPU_SHAPE_PLAN;
    for (const [i, taskId] of ['first', 'second', 'third', 'fourth'].entries()) {
      harness.runner.assign(harness.task(taskId, LONG));
      await harness.says((message) => message.kind === 'cells' && message.taskId === taskId);
      countKills(5 + i);
      await harness.killDuring(taskId);
      plan = shrinkPlan(plan)!;
      expect(await harness.failure(taskId)).toEqual({
        kind: 'taskFailed',
        taskId,
        reason: 'the compute process was killed by SIGKILL for want of memory',
        retryable: true,
        shrunkPlan: plan,
      });
    }
    expect(plan).toEqual(SMALLEST_PLAN);
    harness.runner.assign(harness.task('last', LONG));
    await harness.says((message) => message.kind === 'cells' && message.taskId === 'last');
    countKills(9);
    await harness.killDuring('last');
    const last = await harness.failure('last');
    expect(last).toMatchObject({ retryable: true, shrunkPlan: null });
    expect(last.reason).toMatch(
      /want of memory; the plan cannot shrink further: give the worker more memory.*--seq-len.*--stages/,
    );
  });

  it('takes a kill that the kernel does not count for a lost worker', async () => {
    await startInGroup();
    harness.runner.assign(harness.task('killed', LONG));
    await harness.killDuring('killed');
    expect(await harness.failure('killed')).toMatchObject({ retryable: true, shrunkPlan: null });
  });
});

describe('a worker whose runs do not fit', { timeout: 120_000 }, () => {
  it('reports what could not be allocated, and computes with half of it from then on', async () => {
    harness = await RunnerHarness.start({ vocabSize: 32_000 });
    const plan = { ...CPU_SHAPE_PLAN, headChunkTokens: 2000 };
    const dense = { candidates: [], plan };
    harness.runner.assign(harness.task('warm-up', [2000], { ...dense, plan: SMALLEST_PLAN }));
    await harness.done('warm-up');
    const before = await harness.childPid();
    limitAddressSpace(before, 100 * 2 ** 20);
    harness.runner.assign(harness.task('large', [2000], dense));
    const { reason, ...failure } = await harness.failure('large');
    expect(failure).toMatchObject({ retryable: true, shrunkPlan: { ...plan, headChunkTokens: 1000 } });
    expect(reason).toMatch(/^out of memory: .*Failed to allocate memory/);

    harness.runner.assign(harness.task('warm-up again', [2000], { ...dense, plan: SMALLEST_PLAN }));
    await harness.done('warm-up again');
    const after = await harness.childPid();
    expect(after).not.toBe(before);
    // Enough for half of the logits, which is all that a plan of the whole is computed with now.
    limitAddressSpace(after, 400 * 2 ** 20);
    const retried = harness.task('large again', [2000], dense);
    harness.runner.assign(retried);
    await harness.done('large again');
    expect(harness.cells('large again').size).toBe(1);
    expect(harness.cells('large')).toEqual(new Map());
  });
});

describe('a worker', { timeout: 120_000 }, () => {
  it('computes whole layers in fp32 where the task says so', async () => {
    harness = await RunnerHarness.start({}, { dtype: 'fp16' });
    const layers = harness.task('layers', SHORT, {
      base: [1],
      candidates: [2, 4, 6],
      unit: 'layer',
      inFp32: true,
    });
    harness.runner.assign(layers);
    await harness.done('layers');
    expect(harness.cells('layers')).toEqual(await harness.oracleCells(layers));
  });

  it('finishes the task in hand and forgets those that wait, where it is told to keep only that', async () => {
    harness = await RunnerHarness.start();
    expect(harness.runner.keepOnlyRunning()).toBeNull();
    const inHand = harness.task('in hand', SHORT);
    harness.runner.assign(inHand);
    for (const taskId of ['waiting', 'waiting too']) harness.runner.assign(harness.task(taskId, SHORT));
    expect(harness.runner.keepOnlyRunning()).toBe('in hand');
    await harness.done('in hand');
    expect(harness.cells('in hand')).toEqual(await harness.oracleCells(inHand));
    expect(harness.runner.keepOnlyRunning()).toBeNull();
    harness.runner.assign(harness.task('later', SHORT));
    await harness.done('later');
    expect(harness.said.some((message) => 'taskId' in message && message.taskId?.startsWith('waiting'))).toBe(
      false,
    );
    expect(harness.account.tasks).toEqual({ done: 2, failed: 0, cancelled: 2 });
    expect(harness.account.mfu).toBeGreaterThan(0);
  });

  it('keeps its model and its plan over a lost connection', async () => {
    harness = await RunnerHarness.start();
    const pid = await harness.childPid();
    harness.runner.assign(harness.task('lost', LONG));
    await harness.says(({ kind }) => kind === 'cells');
    harness.runner.disconnected();
    const count = harness.said.length;
    await harness.connect();
    harness.runner.assign(harness.task('next', SHORT));
    await harness.done('next');
    expect(await harness.childPid()).toBe(pid);
    const after = harness.said.slice(count);
    expect(after[0]).toMatchObject({ kind: 'ready', shapePlan: CPU_SHAPE_PLAN });
    expect(after.some((message) => 'taskId' in message && message.taskId === 'lost')).toBe(false);
  });

  it('chooses a plan where the coordinator has none, and keeps it when its process dies', async () => {
    harness = await RunnerHarness.start({}, { threads: null, maxThreads: 2 });
    await harness.connect({ shapePlan: null, microBatchRows: 2 });
    const ready = harness.said.filter((message) => message.kind === 'ready');
    expect(ready).toHaveLength(2);
    expect(ready[1].shapePlan.microBatchRows).toBe(2);
    expect(ready[1].peakFlopsPerSecond).toBeGreaterThan(1e8);
    process.kill(await harness.childPid(), 'SIGKILL');
    await harness.says((message) => message.kind === 'ready' && !ready.includes(message));
    expect(harness.said.at(-1)).toMatchObject({ kind: 'ready', shapePlan: ready[1].shapePlan });
  });

  it('does not ask for a task again that is a number nowhere', async () => {
    harness = await RunnerHarness.start();
    const { layers } = await openCheckpoint(harness.folder.path, { cacheFolder: harness.folder.path });
    const { file, lengthBytes, offsetBytes } = layers[2].mlp!.down.weight;
    const descriptor = openSync(file, 'r+');
    const huge = new Float32Array(lengthBytes / 4).fill(3e38);
    writeSync(descriptor, new Uint8Array(huge.buffer), 0, lengthBytes, offsetBytes);
    closeSync(descriptor);
    const { fingerprint } = await openCheckpoint(harness.folder.path, { cacheFolder: harness.folder.path });
    await harness.connect({ model: { path: harness.folder.path, fingerprint } });
    harness.runner.assign(harness.task('overflowing', SHORT, { candidates: [] }));
    const failure = await harness.failure('overflowing');
    expect(failure).toMatchObject({ retryable: false, shrunkPlan: null });
    expect(failure.reason).toMatch(/^mlp\.2 of the model \(mask dense\)/);
  });

  it('says so when it finds another model, or none', async () => {
    harness = await RunnerHarness.start();
    const model = { path: harness.folder.path, fingerprint: 'sha256:of-another' };
    await harness.connect({ model });
    expect(harness.said.at(-1)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/is another model here.*copy the coordinator's file/) as string,
    });
    await harness.connect({ model: { ...model, path: join(harness.folder.path, 'nowhere') } });
    expect(harness.said.at(-1)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/nowhere/) as string,
    });
  });
});
