import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, OptionValues, Outcome } from './benchmark.ts';
import { BENCH_CACHE, MODEL_OPTION, openModel } from './models.ts';
import { UsageError } from './options.ts';
import { progress } from './progress.ts';
import { replayRaces, type SetResult } from './race-replays.ts';
import { recordingOf } from './recording.ts';
import { setTable, totalTable } from './search-tables.ts';
import { REAL_SETS, searchSet } from './search-sets.ts';

/** The default of the command's --seed. */
const DEFAULT_SEED = 42;
/** Recordings that are not kept. */
const TEMPORARY = 'temporary';

export const searchBenchmark: Benchmark = {
  summary: `What --search race saves, and how often it removes another block than the exhaustive search. The real command
records each exhaustive search once (the long part); races of many seeds are then replayed on its scores: each iteration
at the mask of the exhaustive search, with the scores that the race asks for. Work is FLOPs of sweeps.`,
  options: {
    model: { placeholder: '<model>', description: MODEL_OPTION, value: 'smollm2' },
    sets: {
      placeholder: '<list>',
      description: 'searches, by text and rows',
      value: REAL_SETS.join(','),
      quick: 'random6',
    },
    confidences: {
      placeholder: '<list>',
      description: 'of the race, above 0 and up to 1',
      value: '0.9,0.95,0.99,0.999,1',
      quick: '0.9,1',
    },
    seeds: {
      placeholder: '<n>',
      description: `orders of the rows, from seed ${DEFAULT_SEED} on`,
      value: '30',
      quick: '3',
    },
    recordings: {
      placeholder: '<folder>',
      description: 'where the exhaustive searches are kept; default: .cache/bench/search',
      value: '',
      quick: TEMPORARY,
    },
  },
  examples: ['search --json search.json', 'search --sets book16,code16 --confidences 0.99 --seeds 100'],
  run: compare,
};

async function compare(options: OptionValues): Promise<Outcome> {
  const sets = options.texts('sets').map(searchSet);
  const confidences = confidencesOf(options);
  const seeds = Array.from({ length: options.integer('seeds') }, (_, i) => DEFAULT_SEED + i);
  const model = await openModel(options.text('model'));
  const results: SetResult[] = [];
  await inFolder(options.text('recordings') || join(BENCH_CACHE, 'search'), async (folder) => {
    for (const set of sets) {
      const recorded = await recordingOf(set, model, folder);
      results.push(replayRaces(set, model, recorded, confidences, seeds));
      progress(`${set.name}: replayed`);
    }
  });
  const total = results.length > 1 ? [totalTable(results, confidences)] : [];
  return { results, findings: [...results.map(setTable), ...total] };
}

function confidencesOf(options: OptionValues): number[] {
  return options.texts('confidences').map((text) => {
    const value = Number(text);
    if (text.trim() !== '' && value > 0 && value <= 1) return value;
    throw new UsageError(`--confidences takes numbers above 0 and up to 1, got "${text}"`);
  });
}

async function inFolder(name: string, work: (folder: string) => Promise<void>): Promise<void> {
  if (name !== TEMPORARY) return work(name);
  const folder = await mkdtemp(join(tmpdir(), 'blockpruner-bench-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
