import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRunContents } from '@blockpruner/journal';
import { CHECKPOINT_CACHE } from '@blockpruner/testkit';
import type { Benchmark, Finding, OptionValues } from './benchmark.ts';
import { runBlockpruner } from './blockpruner.ts';
import { cutRows, textName, writeRows } from './calibration-rows.ts';
import { fixed, percent, tableOf } from './figures.ts';
import { MODEL_OPTION, openModel } from './models.ts';
import { UsageError } from './options.ts';

export const healingBenchmark: Benchmark = {
  summary: `What healing does to scores: a search on one text, whose rows the factors are measured on, and scores of exports with
and without healing on rows of other texts. The real command throughout, in fp32.`,
  options: {
    model: { placeholder: '<model>', description: MODEL_OPTION, value: 'smollm2' },
    text: {
      placeholder: '<text>',
      description: 'that is searched on: book, speeches or code',
      value: 'book',
      quick: 'random',
    },
    others: {
      placeholder: '<text,text>',
      description: 'that are scored',
      value: 'speeches,code',
      quick: 'random,random',
    },
    rows: { placeholder: '<n>', description: 'rows of each', value: '8', quick: '2' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '256', quick: '32' },
    remove: { placeholder: '<k,k>', description: 'blocks that are gone', value: '4,8,12,16', quick: '1,2' },
  },
  examples: ['healing --json healing.json', 'healing --text speeches --others book,code --remove 6'],
  run: measure,
};

/** Scores in nats of one text. */
interface Healed {
  readonly removed: number;
  readonly text: string;
  readonly denseScore: number;
  readonly score: number;
  readonly healedScore: number;
}

async function measure(options: OptionValues): Promise<{ findings: Finding[]; results: readonly Healed[] }> {
  const model = await openModel(options.text('model'));
  const others = options.texts('others').map(textName);
  const sizes = [options.integer('rows'), options.integer('tokens', 2)] as const;
  const counts = options.integers('remove');
  const blocks = 2 * model.checkpoint.shape.layerCount;
  const remove = Math.max(...counts);
  if (remove >= blocks) throw new UsageError(`--remove ${remove}: ${model.name} has ${blocks} blocks`);

  const folder = await mkdtemp(join(tmpdir(), 'blockpruner-bench-'));
  try {
    const rowsOf = async (name: string, text: string): Promise<string> => {
      const file = join(folder, `${name}.json`);
      await writeRows(file, await cutRows(textName(text), model, ...sizes, folder));
      return file;
    };
    const cache = ['--cache-dir', CHECKPOINT_CACHE, '--log-format', 'pretty'];
    const run = join(folder, 'run');
    const searched = ['--calibration', await rowsOf('searched', options.text('text'))];
    const place = ['--model', model.path, ...cache];
    await runBlockpruner(['prune', ...place, ...searched, '--remove', String(remove), '--output', run], true);

    const scored: string[] = [];
    for (const [i, text] of others.entries()) scored.push('--calibration', await rowsOf(`other-${i}`, text));
    const order = (await readRunContents(run)).decisions.map(({ removed }) => removed);
    const masks = counts.map((count) => order.slice(0, count).join('+'));
    const asTheyAre = await scoresOf([...place, ...scored, ...masks.flatMap((mask) => ['--mask', mask])]);
    const results: Healed[] = [];
    for (const [i, count] of counts.entries()) {
      const output = join(folder, 'healed');
      const what = ['--at', String(count), '--heal', '--dtype', 'fp32', '--no-check', '--output', output];
      await runBlockpruner(['export', run, ...cache, ...what]);
      const [healed] = await scoresOf(['--model', output, ...cache, ...scored]);
      await rm(output, { recursive: true });
      for (const [set, text] of others.entries())
        results.push({
          removed: count,
          text,
          denseScore: asTheyAre[0][set],
          score: asTheyAre[i + 1][set],
          healedScore: healed[set],
        });
    }
    return { findings: [findingOf(results, order)], results };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface SetScores {
  readonly score: number;
  readonly sets?: readonly { readonly score: number }[];
}

/** Scores of each text: of the dense model, then of each mask. */
async function scoresOf(words: readonly string[]): Promise<number[][]> {
  const text = await runBlockpruner(['score', ...words, '--json']);
  const { dense, masks } = JSON.parse(text) as { dense: SetScores; masks: readonly SetScores[] };
  return [dense, ...masks].map(({ score, sets = [{ score }] }) => sets.map((set) => set.score));
}

function findingOf(results: readonly Healed[], order: readonly string[]): Finding {
  const undone = ({ denseScore, score, healedScore }: Healed): number =>
    (score - healedScore) / (score - denseScore);
  return {
    title: 'scores in nats',
    table: tableOf(results, {
      text: ({ text }) => text,
      'blocks removed': ({ removed }) => removed,
      dense: ({ denseScore }) => fixed(denseScore, 4),
      'as they are': ({ score }) => fixed(score, 4),
      healed: ({ healedScore }) => fixed(healedScore, 4),
      difference: ({ score, healedScore }) => fixed(healedScore - score, 4),
      'of the loss undone': (row) => percent(undone(row)),
    }),
    notes: [`Blocks in the order in which they go: ${order.join(', ')}.`],
  };
}
