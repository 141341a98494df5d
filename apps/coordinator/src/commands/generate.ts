import { parseMask, type Mask } from '@blockpruner/blocks';
import { ChatRenderer, loadTokenizer, type TextTokenizer } from '@blockpruner/calibration';
import { readBoundaryTokens, readTokenizerFiles } from '@blockpruner/checkpoint';
import { IncrementalText, type Generation } from '@blockpruner/generation';
import { formatDuration } from '@blockpruner/telemetry';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { readPrompt } from '../prompt.ts';
import { requireSetting, resolveSettings, type ResolvedSettings } from '../resolve-settings.ts';
import { findModels, ONE_MODEL_SETTINGS, startModel, withProcesses } from '../running-model.ts';
import { PRINT_SETTINGS, type SettingName } from '../setting.ts';
import { RunError, UsageError } from '../usage-error.ts';

/** What `generate` takes. */
export const GENERATE_SETTINGS = [
  'model',
  'mask',
  'prompt',
  'chat',
  'specialTokens',
  'maxTokens',
  'temperature',
  'topK',
  'topP',
  'seed',
  ...ONE_MODEL_SETTINGS,
  ...PRINT_SETTINGS,
] as const satisfies SettingName[];

/** Of options that mean something else here. */
export const GENERATE_DESCRIPTIONS = {
  model: 'as for any command, or RUN@K: the model of a run without the first K blocks',
  mask: 'blocks to leave out, e.g. mha.3+mlp.7',
  seed: 'of the draws, where --temperature is above 0',
  threads: 'threads to compute with (default: all cores)',
  dtype: 'of weights and products inside blocks: auto, fp32, bf16 or fp16',
};

type GenerateSettings = ResolvedSettings<(typeof GENERATE_SETTINGS)[number]>;

/** `blockpruner generate`: goes on with a prompt, and prints the text as it comes. */
export async function generate(
  command: Command,
  open: (settings: GenerateSettings) => Console,
): Promise<void> {
  const settings = resolveSettings(command, GENERATE_SETTINGS);
  const { values } = settings;
  const model = requireSetting(settings, 'model');
  const prompt = await readPrompt(requireSetting(settings, 'prompt'), process.stdin);
  const removed = readRemoved(values.mask ?? []);
  const console = open(settings);

  const [found] = await findModels([model], removed, console);
  const { tokenizer, tokenIds } = await tokenize(found.path, prompt, settings);
  const { ends } = await readBoundaryTokens(found.path);
  const running = await startModel(found, settings, console);
  await withProcesses([running], async () => {
    const text = new IncrementalText((ids) => tokenizer.decode(ids));
    const newTokenIds: number[] = [];
    const pieces: string[] = [];
    const show = (piece: string): void => {
      console.progress.clear(); // nothing comes between the pieces of the text
      pieces.push(piece);
      if (values.json !== true) console.write(piece);
    };
    let shown = Promise.resolve();
    const request = {
      tokenIds,
      maxNewTokens: requireSetting(settings, 'maxTokens'),
      sampling: samplingOf(settings),
      stopIds: ends,
    };
    // The weights are loaded for the first text.
    console.progress.update({ title: 'reading the prompt (tokens)', done: 0, total: tokenIds.length });
    const generation = await running.ask('generate', request, (tokenId) => {
      newTokenIds.push(tokenId);
      shown = shown.then(async () => show(await text.push(tokenId)));
      shown.catch(() => undefined); // heard of below
    });
    await shown;
    show(await text.end());
    const result = { text: pieces.join(''), tokenIds: newTokenIds, ...generation };
    console.print(values.json ? JSON.stringify(result) : '');
    console.logger.info(generation, describe(generation));
  });
}

function readRemoved(masks: readonly string[]): Mask {
  if (masks.length > 1) {
    throw new UsageError(`--mask is given ${masks.length} times: one model runs, give one`);
  }
  try {
    return parseMask(masks[0] ?? 'dense');
  } catch (error) {
    throw new UsageError(`--mask ${masks[0]}: ${(error as Error).message}`);
  }
}

function samplingOf(settings: GenerateSettings) {
  return {
    temperature: requireSetting(settings, 'temperature'),
    topK: settings.values.topK ?? null,
    topP: requireSetting(settings, 'topP'),
    seed: requireSetting(settings, 'seed'),
  };
}

/**
 * A chat brings its special tokens with the chat template.
 * @throws RunError when the model has no tokenizer, CalibrationError when it or its chat template cannot be used
 */
async function tokenize(
  modelPath: string,
  prompt: string,
  settings: GenerateSettings,
): Promise<{ tokenizer: TextTokenizer; tokenIds: Int32Array }> {
  const files = await readTokenizerFiles(modelPath);
  if (files.absence !== null) {
    const { reason, wayOut } = files.absence;
    throw new RunError(`${reason}; ${wayOut ?? 'put the tokenizer.json of the model there'}`);
  }
  if (settings.values.chat !== true) {
    const tokenizer = await loadTokenizer(files, requireSetting(settings, 'specialTokens'));
    return { tokenizer, tokenIds: withoutSuffix(await tokenizer.encode(prompt), tokenizer) };
  }
  const tokenizer = await loadTokenizer(files, 'none');
  const renderer = new ChatRenderer(files);
  try {
    const chat = { where: '--prompt', messages: [{ role: 'user', content: prompt }] };
    const [text] = await renderer.render([chat], true);
    return { tokenizer, tokenIds: await tokenizer.encode(text) };
  } finally {
    renderer.close();
  }
}

/** What the tokenizer puts behind a text would end it before it goes on. */
function withoutSuffix(tokenIds: Int32Array, { suffix }: TextTokenizer): Int32Array {
  return tokenIds.subarray(0, tokenIds.length - suffix.length);
}

function describe(generation: Generation): string {
  const { promptTokens, newTokens, prefillSeconds, decodeSteps, decodeSeconds, end } = generation;
  const ends = { 'stop-token': 'the model', 'max-tokens': '--max-tokens', context: 'its context' };
  const speed = (tokens: number, seconds: number): string =>
    `in ${formatDuration(seconds)} (${(tokens / seconds).toFixed(1)} tokens/s)`;
  const prompt = `${promptTokens} tokens of prompt ${speed(promptTokens, prefillSeconds)}`;
  return `${prompt}, ${newTokens} generated ${speed(decodeSteps, decodeSeconds)}, ended by ${ends[end]}`;
}
