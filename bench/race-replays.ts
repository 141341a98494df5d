import { formatBlock } from '@blockpruner/blocks';
import type { RunContents } from '@blockpruner/journal';
import { CellTable } from '@blockpruner/perplexity';
import { exhaustiveSearch, raceSearch, type SearchProblem } from '@blockpruner/search';
import { sum } from './figures.ts';
import type { BenchModel } from './models.ts';
import { exactDecisions, replaySearch, type ReplayedIteration } from './replayed-search.ts';
import type { SearchSet } from './search-sets.ts';
import { spreadOf, type Spread } from './timing.ts';

/** One search by one strategy. */
export interface Replay {
  readonly seed: number;
  readonly wrongIterations: readonly number[];
  /** Of the wrong ones; 0 where there is none. */
  readonly largestRegretNats: number;
  /** Rows times candidates that were computed. */
  readonly cells: number;
  readonly flops: number;
  /** FLOPs of the exhaustive search over its own: of the whole search, its first iteration, the others (NaN without). */
  readonly lessWork: number;
  readonly lessWorkInFirst: number;
  readonly lessWorkLater: number;
}

/** One set at one confidence. */
export interface RaceResult {
  readonly confidence: number;
  readonly replays: readonly Replay[];
  readonly wrongIterations: number;
  readonly iterations: number;
  readonly lessWork: Spread;
}

/** What was measured on one set; the first replay of each race is that of the default seed. */
export interface SetResult extends SearchSet {
  readonly model: string;
  readonly exhaustive: {
    readonly removed: readonly string[];
    readonly cells: number;
    readonly flops: number;
  };
  readonly races: readonly RaceResult[];
}

/** Replays races of each confidence and seed on the cells of a recorded exhaustive search. */
export function replayRaces(
  set: SearchSet,
  { name, checkpoint }: BenchModel,
  { config, cells }: RunContents,
  confidences: readonly number[],
  seeds: readonly number[],
): SetResult {
  const recorded = new CellTable(config.rowTokens);
  for (const cell of cells) recorded.add(cell);
  const problem: SearchProblem = {
    shape: checkpoint.shape,
    blockType: set.blockType,
    stop: { kind: 'remove', count: set.remove },
  };
  const exact = exactDecisions(exhaustiveSearch(problem), recorded);
  const exhaustive = replaySearch(exhaustiveSearch(problem), problem, recorded, exact);
  const races = confidences.map((confidence) => {
    const replays = seeds.map((seed) => {
      const race = raceSearch(problem, { confidence, seed });
      return replayOf(seed, replaySearch(race, problem, recorded, exact), exhaustive);
    });
    return {
      confidence,
      replays,
      wrongIterations: sum(replays.map(({ wrongIterations }) => wrongIterations.length)),
      iterations: exact.length * seeds.length,
      lessWork: spreadOf(replays.map(({ lessWork }) => lessWork)),
    };
  });
  return {
    ...set,
    model: name,
    exhaustive: {
      removed: exact.map(({ removed }) => formatBlock(removed)),
      cells: sum(exhaustive.map((each) => each.cells)),
      flops: sum(exhaustive.map(({ flops }) => flops)),
    },
    races,
  };
}

function replayOf(
  seed: number,
  race: readonly ReplayedIteration[],
  exhaustive: readonly ReplayedIteration[],
): Replay {
  const flopsOf = (iterations: readonly ReplayedIteration[]): number =>
    sum(iterations.map(({ flops }) => flops));
  return {
    seed,
    wrongIterations: race.filter(({ isWrong }) => isWrong).map(({ iteration }) => iteration),
    largestRegretNats: Math.max(...race.map(({ regretNats }) => regretNats)),
    cells: sum(race.map(({ cells }) => cells)),
    flops: flopsOf(race),
    lessWork: flopsOf(exhaustive) / flopsOf(race),
    lessWorkInFirst: exhaustive[0].flops / race[0].flops,
    lessWorkLater: flopsOf(exhaustive.slice(1)) / flopsOf(race.slice(1)),
  };
}
