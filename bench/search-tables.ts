import type { Finding } from './benchmark.ts';
import { fixed, sum, tableOf } from './figures.ts';
import type { Replay, SetResult } from './race-replays.ts';

/** One set, a line a confidence. */
export function setTable({
  name,
  exhaustive,
  races,
  rowCount,
  rowTokens,
  remove,
  blockType,
}: SetResult): Finding {
  const [seed] = races[0].replays.map((replay) => replay.seed);
  const table = tableOf(races, {
    confidence: ({ confidence }) => confidence,
    wrong: ({ replays: [first] }) => first.wrongIterations.length,
    'wrong, all seeds': ({ wrongIterations, iterations }) => `${wrongIterations} of ${iterations}`,
    'largest regret': ({ replays }) => regretText(replays),
    'less work': ({ replays: [first] }) => fixed(first.lessWork),
    least: ({ lessWork }) => fixed(lessWork.min),
    median: ({ lessWork }) => fixed(lessWork.median),
    'iteration 1': ({ replays: [first] }) => fixed(first.lessWorkInFirst),
    later: ({ replays: [first] }) => fixed(first.lessWorkLater),
    cells: ({ replays: [first] }) => first.cells,
  });
  return {
    title: `${name}: ${remove} of block type ${blockType}, ${rowCount} rows x ${rowTokens} tokens`,
    table,
    notes: [
      `The exhaustive search computes ${exhaustive.cells} cells, ${exhaustive.flops.toExponential(3)} FLOPs, and removes ${exhaustive.removed.join(', ')}.`,
      `Least, median, largest regret (nats) and "all seeds" are of ${races[0].replays.length} seeds, the other columns of seed ${seed}.`,
    ],
  };
}

/** All sets together: how often a confidence was deceived. */
export function totalTable(results: readonly SetResult[], confidences: readonly number[]): Finding {
  const totals = confidences.map((confidence, i) => {
    const races = results.map((result) => result.races[i]);
    const firsts = races.map(({ replays: [first] }) => first);
    return {
      confidence,
      races,
      wrong: sum(firsts.map(({ wrongIterations }) => wrongIterations.length)),
      lessWork:
        sum(results.map(({ exhaustive }) => exhaustive.flops)) / sum(firsts.map(({ flops }) => flops)),
    };
  });
  const iterations = sum(results.map(({ remove }) => remove));
  const table = tableOf(totals, {
    confidence: ({ confidence }) => confidence,
    wrong: ({ wrong }) => `${wrong} of ${iterations}`,
    'wrong, all seeds': ({ races }) =>
      `${sum(races.map((race) => race.wrongIterations))} of ${sum(races.map((race) => race.iterations))}`,
    'largest regret': ({ races }) => regretText(races.flatMap(({ replays }) => replays)),
    'less work': ({ lessWork }) => fixed(lessWork),
  });
  return { title: 'All of them', table, notes: ['Wrong: iterations that removed another block.'] };
}

function regretText(replays: readonly Replay[]): string {
  const nats = Math.max(...replays.map(({ largestRegretNats }) => largestRegretNats));
  return nats === 0 ? '0' : nats.toExponential(1);
}
