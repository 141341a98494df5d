import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { GENERATION_OPTIONS } from './generation-setting.ts';
import { EXPORT_OPTIONS } from './export-setting.ts';
import { ITERATION_LIST } from './iteration-list.ts';
import { MONITORING_OPTIONS } from './monitoring-setting.ts';
import { EXPECTED, numberOrDigits, text, wholeNumber, type Setting } from './setting-schema.ts';
import { TARGET_SETTINGS } from './target-settings.ts';
import { WORKER_OPTIONS } from './worker-setting.ts';

const SETTINGS = {
  model: {
    key: 'model',
    metavar: 'path',
    description: 'Hugging Face folder, .gguf file, or org/name[@revision] of the Hugging Face hub',
    group: 'Model and data',
    schema: text,
  },
  calibration: {
    key: 'calibration',
    metavar: 'file',
    description:
      'file, folder or glob of .txt, .md, .json, .jsonl or .parquet, also .gz or .zst; or hf:org/name[:split]; may be given many times, each with a weight, as file:0.5',
    group: 'Model and data',
    repeatable: true,
    schema: z.union([text, z.array(text).min(1)]).describe('a text or a list of texts'),
  },
  heldOut: {
    key: 'held-out',
    metavar: 'file',
    description:
      'texts that decide nothing, in any form of --calibration: the dense and each pruned model are scored on them',
    group: 'Model and data',
    schema: text,
  },
  heldOutRows: {
    key: 'held-out-rows',
    metavar: 'n',
    description: 'rows of --held-out (default: as --rows)',
    group: 'Model and data',
    schema: wholeNumber(1, 100_000).describe(EXPECTED.positive),
  },
  textColumn: {
    key: 'text-column',
    metavar: 'name',
    description: 'column of the records that holds the text (default: by their form)',
    group: 'Model and data',
    schema: text,
  },
  pack: {
    key: 'pack',
    metavar: 'way',
    description:
      'join: one text cut into rows, as the reference does; documents: a row a record, none joined',
    group: 'Model and data',
    default: 'join',
    schema: z.enum(['join', 'documents']).describe('join or documents'),
  },
  specialTokens: {
    key: 'special-tokens',
    metavar: 'policy',
    description: 'add: as the tokenizer does by default; none: text only',
    group: 'Model and data',
    default: 'add',
    schema: z.enum(['add', 'none']).describe('add or none'),
  },
  rows: {
    key: 'rows',
    metavar: 'n',
    description: 'calibration rows to score every candidate on',
    group: 'Model and data',
    default: 16,
    schema: wholeNumber(1, 100_000).describe(EXPECTED.positive),
  },
  seqLen: {
    key: 'seq-len',
    metavar: 'tokens',
    description: 'tokens a row',
    group: 'Model and data',
    default: 2048,
    schema: wholeNumber(2, 131_072).describe(EXPECTED.tokens),
  },
  seed: {
    key: 'seed',
    metavar: 'n',
    description: 'chooses the rows, and the order in which a race looks at them',
    group: 'Model and data',
    default: 42,
    schema: wholeNumber(0, 2 ** 32 - 1).describe(EXPECTED.seed),
  },
  cacheDir: {
    key: 'cache-dir',
    metavar: 'folder',
    description: 'where decoded copies of quantized models are kept',
    group: 'Model and data',
    default: join(homedir(), '.cache', 'blockpruner'),
    schema: text,
  },
  ...GENERATION_OPTIONS,
  ...TARGET_SETTINGS,
  blockType: {
    key: 'block-type',
    metavar: 'type',
    description: 'which blocks may go: mix, mha or mlp',
    group: 'Search',
    default: 'mix',
    schema: z.enum(['mix', 'mha', 'mlp']).describe('mix, mha or mlp'),
  },
  search: {
    key: 'search',
    metavar: 'strategy',
    description:
      "race: the paper's algorithm, but candidates clearly behind are dropped after a few rows; exhaustive: none is",
    group: 'Search',
    default: 'race',
    schema: z.enum(['race', 'exhaustive']).describe('race or exhaustive'),
  },
  confidence: {
    key: 'confidence',
    metavar: 'p',
    description: 'of a race: probability that an iteration decides as all rows would; 1 drops no candidate',
    group: 'Search',
    default: 0.95,
    schema: numberOrDigits.pipe(z.number().gt(0).lte(1)).describe(EXPECTED.confidence),
  },
  confirm: {
    key: 'confirm',
    metavar: 'dtype',
    description:
      'fp32: candidates that the noise of a 16-bit dtype cannot tell apart are scored again in fp32',
    group: 'Search',
    schema: z.enum(['fp32']).describe('fp32'),
  },
  mask: {
    key: 'mask',
    metavar: 'blocks',
    description: 'blocks to leave out, e.g. mha.3+mlp.7; may be given many times',
    group: 'Search',
    repeatable: true,
    schema: z.array(z.string()).describe('blocks joined by +, e.g. mha.3+mlp.7'),
  },
  iterations: {
    key: 'iterations',
    metavar: 'list',
    description: 'iterations to verify, e.g. 1,3-5 (default: all)',
    group: 'Search',
    schema: z.coerce.string().regex(ITERATION_LIST).describe('numbers and ranges, e.g. 1,3-5'),
  },
  ...EXPORT_OPTIONS,
  ...WORKER_OPTIONS,
  ...MONITORING_OPTIONS,
  output: {
    key: 'output',
    metavar: 'dir',
    description: 'run folder (default: runs/<time>-<model>-<id>)',
    group: 'Output',
    schema: text,
  },
  resume: {
    key: 'resume',
    description: 'go on with the run in --output where there is one; start it there where there is none',
    group: 'Output',
    schema: z.boolean().describe('true or false'),
  },
  json: {
    key: 'json',
    description: 'print the result as JSON',
    group: 'Output',
    schema: z.boolean().describe('true or false'),
  },
  dryRun: {
    key: 'dry-run',
    description: 'check everything, print what would be done, and stop',
    group: 'Output',
    schema: z.boolean().describe('true or false'),
  },
  logLevel: {
    key: 'log-level',
    metavar: 'level',
    description: 'error, warn, info or debug',
    group: 'Output',
    default: 'info',
    schema: z.enum(['error', 'warn', 'info', 'debug']).describe('error, warn, info or debug'),
  },
  logFormat: {
    key: 'log-format',
    metavar: 'format',
    description: 'auto (pretty on a terminal), pretty or json',
    group: 'Output',
    default: 'auto',
    schema: z.enum(['auto', 'pretty', 'json']).describe('auto, pretty or json'),
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
export type SettingValue<Name extends SettingName> = z.infer<(typeof SETTINGS)[Name]['schema']>;

/** What decides which rows a calibration set gives. */
export const ROW_SETTINGS = [
  'rows',
  'seqLen',
  'seed',
  'pack',
  'textColumn',
  'specialTokens',
] as const satisfies SettingName[];
/** What every command takes that reads a model and rows. */
export const INPUT_SETTINGS = [
  'model',
  'calibration',
  ...ROW_SETTINGS,
  'cacheDir',
] as const satisfies SettingName[];
export const WORKER_SETTINGS = [
  'workers',
  'listen',
  'tlsCert',
  'tlsKey',
  'tlsClientCa',
  'tokenFile',
  'insecure',
  'artifactListen',
  'artifactBandwidth',
  'artifactStreams',
  'workerTimeout',
  'threads',
  'microBatch',
  'memoryLimit',
  'dtype',
  'stages',
  'mixedClasses',
] as const satisfies SettingName[];
export const MONITORING_SETTINGS = ['healthListen', 'metricsListen'] as const satisfies SettingName[];
export const PRINT_SETTINGS = ['json', 'logLevel', 'logFormat'] as const satisfies SettingName[];

export function setting(name: SettingName): Setting {
  return SETTINGS[name];
}
