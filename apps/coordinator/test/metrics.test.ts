import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRunContents } from '@blockpruner/journal';
import { freePort, waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { family, PRUNE, read, run, slowWorkspace, start, type Command } from './command.ts';

const SOON = { timeoutMs: 30_000 };

type Samples = Record<string, number>;

/** What a port that serves metrics says; undefined while it does not answer. */
async function scrape(port: number): Promise<Samples | undefined> {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
    (response) => response.text(),
    () => undefined,
  );
  if (text === undefined) return undefined;
  const lines = text.split('\n').filter((line) => /^blockpruner_/.test(line));
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^blockpruner_(.*) (\S+)$/.exec(line) ?? ['', '', ''];
      return [name, Number(value)];
    }),
  );
}

/** All that a command's metrics say until it ends, each scrape after the one before. */
async function follow(command: Command, port: number, seen: Samples[]): Promise<void> {
  let isOver = false;
  void command.ended.then(() => (isOver = true));
  while (!isOver) {
    const samples = await scrape(port);
    if (samples) seen.push(samples);
    await sleep(20);
  }
}

describe('the metrics of a run', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await slowWorkspace();
  });
  afterAll(() => folder.remove());

  const ready = (port: number): Promise<{ status: number; body: string }> =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(async (response) => ({
      status: response.status,
      body: await response.text(),
    }));

  it('are those of what it does, from before the first worker until the end', async () => {
    const [port, listen] = [await freePort(), await freePort()];
    const command = start(
      [...PRUNE, '--remove', '2', '--listen', `127.0.0.1:${listen}`, '--output', 'watched'].concat([
        '--metrics-listen',
        `127.0.0.1:${port}`,
        '--search',
        'race',
      ]),
      folder.path,
    );
    await command.says('waiting for workers');
    await waitFor(async () => (await ready(port)).status === 200, SOON);
    const before = (await scrape(port)) ?? {};
    expect(before.pending_work_seconds).toBeGreaterThanOrEqual(1);
    expect(before).toMatchObject({ iteration: 0, iterations_expected: 2, cells_total: 0, resumes_total: 0 });
    expect(before).toMatchObject({ 'workers{state="ready"}': 0, candidates_alive: 20 });
    expect(before).not.toHaveProperty('score_nats');
    expect(before).not.toHaveProperty('last_cell_timestamp_seconds');

    const worker = start(['worker', '--connect', `127.0.0.1:${listen}`, '--exit-when-done'], folder.path);
    const seen: Samples[] = [];
    await Promise.all([follow(command, port, seen), worker.ended]);
    expect((await command.ended).code).toBe(0);

    const last = seen.at(-1) ?? {};
    const { cells, decisions, rows } = await readRunContents(join(folder.path, 'watched'));
    expect(last).toMatchObject({
      iteration: 2,
      iterations_expected: 2,
      candidates_alive: 0,
      pending_work_seconds: 0,
      cells_total: cells.length,
      tokens_total: cells.reduce((sum, { row }) => sum + rows[row].length, 0),
      cells_divergent_total: 0,
      score_nats: decisions[1].score,
      perplexity: Math.exp(decisions[1].score),
      'tasks{state="pending"}': 0,
    });
    expect(last.tasks_done_total).toBeGreaterThan(0);
    expect(last.flops_total).toBeGreaterThan(0);
    expect(last.journal_fsync_seconds_count).toBeGreaterThanOrEqual(2 * decisions.length);
    expect(last.last_decision_timestamp_seconds).toBeGreaterThan(before.process_start_time_seconds);
    expect(last.last_cell_timestamp_seconds).toBeGreaterThan(before.process_start_time_seconds);
    const unfinished = seen.filter(({ iteration }) => iteration < 2);
    expect(unfinished.filter((samples) => !(samples.pending_work_seconds >= 1))).toEqual([]);
    expect(seen.some((samples) => samples['workers{state="loading"}'] === 1)).toBe(true);
    expect(seen.some((samples) => samples['tasks{state="leased"}'] > 0)).toBe(true);
    for (const name of ['cells_total', 'tokens_total', 'flops_total', 'tasks_done_total']) {
      const values = seen.map((samples) => samples[name]);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
    }
  });

  it('show a worker that is killed, and the run that goes on', async () => {
    const port = await freePort();
    const same = [...PRUNE, '--remove', '2', '--workers', 'local:2', '--output', 'lost', '--resume'].concat([
      '--metrics-listen',
      `127.0.0.1:${port}`,
    ]);
    const first = start(same, folder.path);
    const {
      workers: [victim],
    } = await family(first, 2);
    const state = async (): Promise<Samples> => (await scrape(port)) ?? {};
    await waitFor(async () => (await state())['workers{state="ready"}'] === 2, SOON);
    process.kill(victim, 'SIGKILL');
    await waitFor(async () => (await state()).workers_lost_total === 1, SOON);
    first.kill('SIGTERM');
    expect((await first.endsSoon()).code).toBe(130);

    const second = start(same, folder.path);
    await second.says('"msg":"worker ready"');
    const samples = await state();
    expect(samples).toMatchObject({ resumes_total: 1, workers_lost_total: 0 });
    const info = Object.keys(samples).find((name) => name.startsWith('run_info')) ?? '';
    expect(info).toMatch(/^run_info\{run="[0-9a-f]{8}",model="model",search="race"\}$/);
    const status = await run(['status', 'lost', '--json'], folder.path);
    expect(info).toContain((JSON.parse(status.stdout) as { runId: string }).runId);
    second.kill('SIGTERM');
    expect((await second.endsSoon()).code).toBe(130);

    const lines = read(folder, 'lost/log.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([...new Set(lines.map((line) => line.run))]).toEqual([/"(.*?)"/.exec(info)?.[1]]);
    const ofVictim = lines.filter(({ worker }) => String(worker).endsWith(`:${victim}`));
    expect(ofVictim.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['local worker started', 'model loaded', 'worker ready', 'worker left']),
    );
    const given = lines.filter(({ msg }) => msg === 'task given');
    expect(given.every(({ iteration, worker, task }) => iteration && worker && task)).toBe(true);
  });
});
