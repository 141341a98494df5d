import type { ModelShape } from '@blockpruner/blocks';
import { cellKey, orderRows } from '@blockpruner/perplexity';
import { randomOf } from './random.ts';
import type { Misfortune, Scenario, WorkerModel } from './scenario.ts';

/** What may happen in a random scenario. */
export interface Weather {
  readonly misfortunes: readonly Misfortune[];
  /** Share of the workers that meet with one. */
  readonly unlucky: number;
  readonly restarts: number;
  /** Share of the messages that are lost, and that arrive twice; half of the scenarios have neither. */
  readonly badMessages: number;
  readonly liars: number;
  readonly hasPoison: boolean;
}

const LAYERS = 4;

export const SIMULATED_SHAPE: ModelShape = {
  layerCount: LAYERS,
  hiddenSize: 32,
  intermediateSize: 96,
  headCount: 4,
  kvHeadCount: 2,
  headSize: 8,
  vocabSize: 128,
  mhaParameters: 3000,
  mlpParameters: 9000,
  totalParameters: 12_000 * LAYERS + 4096,
};

/** A small search with whatever the weather brings, the same for the same seed. */
export function randomScenario(seed: number, weather: Weather): Scenario {
  const random = randomOf(seed * 7919 + 1);
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const isRace = random() < 0.5;
  const rowTokens = Array.from({ length: 1 + upTo(8) }, () => (isRace ? 150 + upTo(150) : 17 + upTo(48)));
  const honest = weather.liars > 0 ? 3 : 1;
  const workers = Array.from({ length: honest + upTo(6) }, (_, i): WorkerModel => {
    const isUnlucky = random() < weather.unlucky;
    return {
      speed: (isRace ? 1e5 : 2e4) * (0.3 + 2 * random()),
      joinsMs: upTo(i === 0 ? 100 : 4000),
      peakFlopsPerSecond: random() < 0.5 ? 0 : 2e7 * (0.5 + random()),
      misfortune: isUnlucky
        ? { kind: weather.misfortunes[upTo(weather.misfortunes.length)], atMs: 100 + upTo(6000) }
        : null,
      lies: i < weather.liars ? [0.02, 0.3, 1][upTo(3)] : 0,
    };
  });
  const isRough = random() < 0.5;
  // Of a race, on the row that is looked at first: a later one may be asked for of others only.
  const [looked] = orderRows([{ rowCount: rowTokens.length, weight: 1 }], seed);
  const row = upTo(rowTokens.length);
  const poisoned = { mask: [], candidate: upTo(2 * LAYERS), row: isRace ? looked.row : row };
  return {
    seed,
    shape: SIMULATED_SHAPE,
    rowTokens,
    remove: 1 + upTo(4),
    method: isRace ? { search: 'race', confidence: 0.9, seed } : { search: 'exhaustive' },
    workers,
    network: {
      latencyMs: 1 + upTo(50),
      jitterMs: upTo(100),
      lost: isRough ? weather.badMessages : 0,
      duplicated: isRough ? weather.badMessages : 0,
      reorders: isRough && weather.badMessages > 0 && random() < 0.5,
    },
    replacedMs: 500 + upTo(3000),
    restartsMs: Array.from({ length: upTo(weather.restarts + 1) }, () => 100 + upTo(8000)),
    poison: weather.hasPoison ? cellKey(poisoned) : null,
    overheadMs: upTo(10),
    reportMs: upTo(300),
    heartbeatMs: 500,
    heartbeatTimeoutMs: 3000,
    leaseMs: 10_000,
    checkedShare: weather.liars > 0 ? 0.2 : random() < 0.5 ? 0 : 0.1,
    confirmedRows: weather.liars > 0 ? 2 : upTo(3),
    runsAhead: random() < 0.7,
    limitMs: 100_000_000,
  };
}
