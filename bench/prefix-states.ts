import {
  CPU_SHAPE_PLAN,
  DENSE,
  extendMask,
  formatBlock,
  type Mask,
  type ModelShape,
} from '@blockpruner/blocks';
import { SweepEvaluator } from '@blockpruner/inference';
import { cellKey, type Cell } from '@blockpruner/perplexity';
import { formatBytes } from '@blockpruner/telemetry';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { fixed, tableOf } from './figures.ts';
import { allBlocks, MODEL_OPTION, openModel, randomRows, type BenchModel } from './models.ts';
import { UsageError } from './options.ts';
import { iterationFlops, partBoundaries, speedUp } from './prefix-model.ts';
import { publishedShape } from './published-shape.ts';
import { progress } from './progress.ts';
import { REMOVAL_ORDERS, removalOrder } from './removal-orders.ts';
import { timed } from './timing.ts';

const MIB = 2 ** 20;

export const prefixStatesBenchmark: Benchmark = {
  summary: `What states kept across iterations save: a search that removes given blocks, with a byte budget for states and
without, in turns. All cells are compared bit for bit. Before that, what FLOPs alone promise.`,
  options: {
    model: { placeholder: '<name>', description: MODEL_OPTION, value: 'random-800m', quick: 'smollm2' },
    order: {
      placeholder: '<order>',
      description: `${Object.keys(REMOVAL_ORDERS).join(', ')}, or blocks like mha.3,mlp.5`,
      value: 'llama-2-7b',
    },
    iterations: {
      placeholder: '<n>',
      description: 'decisions, from the dense model on',
      value: '4',
      quick: '2',
    },
    rows: { placeholder: '<n>', description: 'rows', value: '1' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '96', quick: '16' },
    budgets: { placeholder: '<list>', description: 'MiB, each beside 0', value: '4096,16', quick: '64' },
    threads: { placeholder: '<n>', description: 'threads', value: '1' },
    'model-only': { description: 'measure nothing' },
  },
  examples: [
    'prefix-states --json prefix-states.json',
    'prefix-states --model smollm2 --order smollm2-order --tokens 256 --budgets 1024,64,16',
    'prefix-states --model-only --tokens 2048',
  ],
  async run(options) {
    const promised = promisedTable(options.integer('tokens', 2));
    if (options.has('model-only'))
      return { results: { promised: promised.rows }, findings: [promised.finding] };
    const measured = await measure(await openModel(options.text('model')), options);
    return {
      results: { promised: promised.rows, measured },
      findings: [promised.finding, ...measuredTables(measured)],
    };
  },
};

/** Sizes of published models, and how many blocks a search of each removes. */
const SHAPES: readonly { name: string; order: string; remove: number; shape: ModelShape }[] = [
  {
    name: 'SmolLM2-135M',
    order: 'smollm2-order',
    remove: 4,
    shape: publishedShape(30, 576, 1536, 9, 3, 49152),
  },
  {
    name: 'SmolLM2-135M',
    order: 'llama-2-7b',
    remove: 12,
    shape: publishedShape(30, 576, 1536, 9, 3, 49152),
  },
  {
    name: '1.1B, 16 layers',
    order: 'llama-2-7b',
    remove: 4,
    shape: publishedShape(16, 2048, 5632, 32, 4, 32000),
  },
  {
    name: '1.1B, 16 layers',
    order: 'llama-2-7b',
    remove: 10,
    shape: publishedShape(16, 2048, 5632, 32, 4, 32000),
  },
  {
    name: '1.1B, 22 layers',
    order: 'llama-2-7b',
    remove: 14,
    shape: publishedShape(22, 2048, 5632, 32, 4, 32000),
  },
  {
    name: '1.1B, 22 layers',
    order: 'llama-2-7b-32',
    remove: 14,
    shape: publishedShape(22, 2048, 5632, 32, 4, 32000),
  },
  {
    name: '1.1B, 22 layers',
    order: 'smollm2-order',
    remove: 4,
    shape: publishedShape(22, 2048, 5632, 32, 4, 32000),
  },
  {
    name: '7B, 32 layers',
    order: 'llama-2-7b',
    remove: 20,
    shape: publishedShape(32, 4096, 11008, 32, 32, 32000, { headSize: 128 }),
  },
];
const PARTS = [4, 8, 16, 32];

interface Promised {
  readonly name: string;
  readonly order: string;
  readonly remove: number;
  /** By the parts that the model is cut into; the last: a state at every boundary. */
  readonly speedUps: readonly number[];
}

function promisedTable(rowTokens: number): { rows: readonly Promised[]; finding: Finding } {
  const rows = SHAPES.map(({ name, order, remove, shape }) => {
    const blockCount = 2 * shape.layerCount;
    const removed = removalOrder(order, shape.layerCount).slice(0, remove);
    const speedUps = [...PARTS, blockCount].map((parts) =>
      speedUp(iterationFlops(shape, removed, partBoundaries(blockCount, parts), rowTokens)),
    );
    return { name, order, remove, speedUps };
  });
  const table = tableOf(rows, {
    model: ({ name }) => name,
    order: ({ order }) => order,
    removed: ({ remove }) => remove,
    ...Object.fromEntries(
      [...PARTS.map((parts) => `${parts} parts`), 'every block'].map((title, i) => [
        title,
        ({ speedUps }: Promised) => fixed(speedUps[i]),
      ]),
    ),
  });
  const notes = [`FLOPs of a row of ${rowTokens} tokens, iterations behind the first, no limit on memory.`];
  return { rows, finding: { title: 'Speed-up that FLOPs promise, by where states are kept', table, notes } };
}

interface Side {
  readonly budgetMib: number;
  /** An iteration each. */
  readonly cpuSeconds: number[];
  readonly seconds: number[];
  readonly heldBytes: number[];
}

interface Measured {
  readonly model: string;
  readonly rows: number;
  readonly tokens: number;
  readonly removed: readonly string[];
  /** FLOPs without states over FLOPs with states at sixteenths, an iteration each. */
  readonly promised: readonly number[];
  readonly cells: number;
  readonly sides: readonly Side[];
}

async function measure({ name, checkpoint }: BenchModel, options: OptionValues): Promise<Measured> {
  const { shape } = checkpoint;
  const tokens = options.integer('tokens', 2);
  const rows = randomRows(checkpoint, 1, options.integer('rows'), tokens);
  const order = removalOrder(options.text('order'), shape.layerCount).slice(0, options.integer('iterations'));
  if (order.length < options.integer('iterations')) {
    throw new UsageError(`--order names ${order.length} blocks: ask for no more iterations`);
  }
  const budgets = [0, ...options.integers('budgets').filter((mib) => mib > 0)];
  const sides: Side[] = budgets.map((budgetMib) => ({
    budgetMib,
    cpuSeconds: [],
    seconds: [],
    heldBytes: [],
  }));
  const evaluators: SweepEvaluator[] = [];
  for (const mib of budgets) {
    progress(`${name}: loading it for a budget of ${mib} MiB`);
    const session = { device: 'cpu', threads: options.integer('threads') };
    evaluators.push(await SweepEvaluator.load(checkpoint, { ...session, stateBudgetBytes: mib * MIB }));
  }
  const warmUp = { base: DENSE, candidates: allBlocks(checkpoint).slice(-1), baseline: false };
  for (const evaluator of evaluators) {
    await evaluator.evaluate(warmUp, randomRows(checkpoint, 2, 1, tokens), CPU_SHAPE_PLAN, () => undefined);
  }
  let base: Mask = DENSE;
  let cellCount = 0;
  for (const [iteration, removed] of order.entries()) {
    const expected = new Map<string, Float64Array>();
    const candidates = allBlocks(checkpoint).filter((block) => !base.includes(block));
    for (const [i, evaluator] of evaluators.entries()) {
      const cells: Cell[] = [];
      const sweep = { base, candidates, baseline: true };
      const timing = await timed(() =>
        evaluator.evaluate(sweep, rows, CPU_SHAPE_PLAN, (each) => void cells.push(...each)),
      );
      const side = sides[i];
      side.cpuSeconds.push(timing.cpuSeconds);
      side.seconds.push(timing.seconds);
      side.heldBytes.push(evaluator.heldStateBytes);
      progress(
        `iteration ${iteration + 1}, ${side.budgetMib} MiB: ${fixed(timing.cpuSeconds)} s of CPU, ${formatBytes(evaluator.heldStateBytes)} kept`,
      );
      if (i === 0) for (const cell of cells) expected.set(cellKey(cell), cell.windowSums);
      else compare(cells, expected, side.budgetMib);
    }
    cellCount += expected.size;
    base = extendMask(base, removed);
  }
  for (const evaluator of evaluators) await evaluator.close();
  const promised = iterationFlops(shape, order, partBoundaries(2 * shape.layerCount, 16), tokens);
  return {
    model: name,
    rows: rows.length,
    tokens,
    removed: order.map(formatBlock),
    promised: promised.map(({ without, withStates }) => without / withStates),
    cells: cellCount,
    sides,
  };
}

/** @throws Error when a cell is not the same bit for bit */
function compare(
  cells: readonly Cell[],
  expected: ReadonlyMap<string, Float64Array>,
  budgetMib: number,
): void {
  const differs = cells.find((cell) => {
    const sums = expected.get(cellKey(cell));
    return (
      sums?.length !== cell.windowSums.length || !sums.every((sum, i) => Object.is(sum, cell.windowSums[i]))
    );
  });
  if (differs) throw new Error(`with a budget of ${budgetMib} MiB, cell ${cellKey(differs)} differs`);
  if (cells.length !== expected.size) throw new Error(`${cells.length} cells instead of ${expected.size}`);
}

function measuredTables({ model, rows, tokens, removed, promised, cells, sides }: Measured): Finding[] {
  const [without, ...others] = sides;
  const iterations = removed.map((block, i) => ({ i, block }));
  const table = tableOf(iterations, {
    iteration: ({ i, block }) => `${i + 1}, then ${block} goes`,
    '0 MiB, CPU s': ({ i }) => fixed(without.cpuSeconds[i]),
    ...Object.fromEntries(
      others.map((side) => [
        `${side.budgetMib} MiB, CPU s (times faster)`,
        ({ i }: { i: number }) =>
          `${fixed(side.cpuSeconds[i])} (${fixed(without.cpuSeconds[i] / side.cpuSeconds[i])})`,
      ]),
    ),
    promised: ({ i }) => fixed(promised[i]),
  });
  const later = (side: Side): number => side.cpuSeconds.slice(1).reduce((sum, seconds) => sum + seconds, 0);
  const summary = tableOf(others, {
    budget: ({ budgetMib }) => `${budgetMib} MiB`,
    'most kept': ({ heldBytes }) => formatBytes(Math.max(...heldBytes)),
    'first iteration': (side) => fixed(without.cpuSeconds[0] / side.cpuSeconds[0]),
    'later iterations': (side) => fixed(later(without) / later(side)),
    'whole search': (side) =>
      fixed((later(without) + without.cpuSeconds[0]) / (later(side) + side.cpuSeconds[0])),
  });
  return [
    {
      title: `${model}, ${rows} x ${tokens} tokens: CPU seconds an iteration`,
      table,
      notes: ['promised: by FLOPs, with states at sixteenths of the model and no limit.'],
    },
    {
      title: 'How many times faster than without states',
      table: summary,
      notes: [
        `All ${cells} cells are equal bit for bit on all sides.`,
        'CPU seconds, not wall time: they hold still when others share the machine.',
      ],
    },
  ];
}
