import { formatBlock, formatMask } from '@blockpruner/blocks';
import type { Provenance, ScoredRows } from './provenance.ts';

const RUNS_ANYWHERE = 'A plain model of its family with fewer layers: whatever runs the source runs it.';

/** What reads the weights of each form as a Hugging Face folder; what was not run is said to be so. */
const FOLDER_RUNTIMES: Readonly<Record<Provenance['form'], string>> = {
  plain: RUNS_ANYWHERE,
  'nemotron-nas': [
    'Some layers lack a block, and have no weights for it. Tested:',
    '',
    '- transformers, with the code in this folder: `AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)`',
    '- MLX (`mlx_lm`), which has the type itself',
    '',
    'The format is that of vLLM, SGLang and TensorRT-LLM (type nemotron-nas), where it was not run.',
  ].join('\n'),
  compat:
    'All layers are there, and removed blocks write zeros: whatever runs the source runs it, no faster than the source.',
};

const GRAPH_RUNTIMES =
  '`model.onnx` is for ONNX Runtime GenAI: `onnxruntime_genai.Model(folder)`. `blockpruner generate --model folder` shows what the model says.';

function runtimes({ files, form }: Provenance): string[] {
  if (files === 'onnx') return [GRAPH_RUNTIMES];
  if (files === 'gguf') {
    return [
      form === 'plain'
        ? RUNS_ANYWHERE
        : 'llama.cpp, by its architecture `deci`, whose layers may lack a block. Flash attention (`-fa on`) keeps the cache small.',
    ];
  }
  return [FOLDER_RUNTIMES[form], ...(files === 'hf+onnx' ? ['', GRAPH_RUNTIMES] : [])];
}

/** Text on one line that Markdown leaves as it is. */
function code(text: string): string {
  return `\`${text.replaceAll(/[`\p{Cc}]/gu, ' ')}\``;
}

function frontMatter({ files, form, isOnHub, sourceName }: Provenance): string[] {
  return [
    '---',
    ...(files.startsWith('hf') ? ['library_name: transformers'] : []),
    ...(isOnHub ? [`base_model: ${JSON.stringify(sourceName)}`] : []),
    'tags:',
    ...[
      'blockpruner',
      'block-pruning',
      ...(form === 'nemotron-nas' && files.startsWith('hf') ? ['nemotron-nas'] : []),
    ].map((tag) => `- ${tag}`),
    '---',
  ];
}

function millions(parameters: number): string {
  return `${(parameters / 1e6).toFixed(1)} M`;
}

function scoreLine(use: string, rows: ScoredRows): string {
  const cells = [rows.denseScore, rows.prunedScore].flatMap((score) => [
    score.toFixed(6),
    Math.exp(score).toFixed(4),
  ]);
  return `| ${[use, ...cells].join(' | ')} |`;
}

function rowsLine(use: string, { contentHash, name, rowCount, tokenCount }: ScoredRows): string {
  return `- ${use}: ${code(name)}, ${rowCount} rows, ${tokenCount} tokens, ${code(contentHash)}`;
}

function scoreLines({ calibration, heldOut }: Provenance): string[] {
  if (calibration === undefined) return [];
  return [
    '## Scores',
    '',
    'Mean next-token negative log-likelihood in nats, and perplexity.',
    '',
    '| rows | source | perplexity | pruned | perplexity |',
    '| --- | ---: | ---: | ---: | ---: |',
    scoreLine('calibration', calibration),
    ...(heldOut === undefined ? [] : [scoreLine('held out', heldOut)]),
    '',
    rowsLine('calibration', calibration),
    ...(heldOut === undefined ? [] : [rowsLine('held out', heldOut)]),
    '',
  ];
}

/** Behind the name of the source, in the title. */
function without(blockCount: number): string {
  if (blockCount === 0) return '';
  return blockCount === 1 ? ' without 1 block' : ` without ${blockCount} blocks`;
}

/** README.md of an export: what it is, where it comes from, and what runs it; metadata as the hub reads it in front. */
export function modelCard(provenance: Provenance): string {
  const { mask, removalOrder, search, sourceParameters, writtenParameters } = provenance;
  const { healing } = provenance;
  const removed = mask.length === 0 ? 'nothing' : code(formatMask(mask));
  const share = (100 * (1 - writtenParameters / sourceParameters)).toFixed(2);
  return [
    ...frontMatter(provenance),
    '',
    `# ${provenance.sourceName.replaceAll(/\p{Cc}/gu, ' ')}${without(mask.length)}`,
    '',
    ...(mask.length === 0
      ? ['Written by BlockPruner, with no block removed.']
      : [
          'Attention (`mha`) and feed-forward (`mlp`) blocks were removed by the search of BlockPruner',
          '([arXiv 2406.10594](https://arxiv.org/abs/2406.10594)), without training.',
        ]),
    '',
    `- removed: ${removed}${mask.length === 0 ? '' : ', numbered as in the source from 0'}`,
    ...(removalOrder === undefined || removalOrder.length === 0
      ? []
      : [`- in this order: ${code(removalOrder.map(formatBlock).join(' '))}`]),
    ...(search === undefined ? [] : [`- found by: ${search}`]),
    ...(healing === undefined
      ? []
      : [
          `- healed: the residual stream is scaled in ${healing.factorCount} places ([Prune&Comp](https://arxiv.org/abs/2507.18212)), within the weights; on ${healing.otherRowCount} rows that this was not measured on, perplexity ${Math.exp(healing.without).toFixed(4)} becomes ${Math.exp(healing.healed).toFixed(4)}`,
        ]),
    `- parameters: ${millions(sourceParameters)} before, ${millions(writtenParameters)} after (${share} % less)`,
    `- layers: ${provenance.sourceLayerCount} before, ${provenance.writtenLayerCount} after`,
    `- weights: ${provenance.dtype}`,
    '',
    ...scoreLines(provenance),
    '## What runs it',
    '',
    ...runtimes(provenance),
    '',
    '## How it was made',
    '',
    `- source: ${code(provenance.sourceName)}, ${code(provenance.sourceFingerprint)}`,
    `- command: ${code(provenance.command)}`,
    `- BlockPruner ${provenance.version}`,
    '',
  ].join('\n');
}
