import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseDuration } from '@blockpruner/telemetry';
import { z } from 'zod';

/**
 * One option, defined once for every command that takes it: flag, environment variable, config file key and
 * default all follow from here.
 */
export interface Setting {
  /** Kebab-case: the flag is `--<key>`, the config file key `<key>`, the variable `BLOCKPRUNER_<KEY>`. */
  readonly key: string;
  /** Placeholder in `--help`; absent for a switch. */
  readonly metavar?: string;
  readonly description: string;
  readonly group: 'Model and data' | 'Search' | 'Workers' | 'Output';
  readonly default?: string | number;
  readonly repeatable?: boolean;
  readonly schema: z.ZodType;
}

/** Flags and variables are texts, a config file has numbers. */
const numberOrDigits = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .transform(Number),
]);
const wholeNumber = (min: number, max: number) => numberOrDigits.pipe(z.number().int().min(min).max(max));

/** What each schema accepts, in words: the way out of a usage error. */
const EXPECTED = {
  text: 'a text',
  positive: 'a whole number from 1 to 100000',
  tokens: 'a whole number from 2 to 131072',
  seed: 'a whole number from 0 to 4294967295',
  ratio: 'a number above 0 and below 1, e.g. 0.2',
  listen: 'host:port, e.g. 0.0.0.0:50051, or a port alone',
  artifactListen: 'host:port, e.g. 0.0.0.0:50052, a port alone, or none',
  bandwidth: 'a size for each second, e.g. 1GiB or 200MiB, at least 1MiB',
  workers: 'local:N with N from 1 to 256, e.g. local:2',
  threads: 'a whole number from 1 to 999',
  microBatch: 'a whole number from 1 to 4096',
  memory: 'a size, e.g. 12GiB, 512MiB or a number of bytes',
  dtype: 'auto, fp32, bf16 or fp16',
  stages: 'auto, or a whole number from 1 to 512',
  duration: 'a time above 0, e.g. 90s, 15min or 2h',
};

const text = z.string().min(1, EXPECTED.text);

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
      'file, folder or glob of .txt, .md, .json, .jsonl or .parquet, also .gz or .zst; or hf:org/name[:split]; may be given many times, each with :<weight> behind it',
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
    description: 'chooses the rows',
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
  remove: {
    key: 'remove',
    metavar: 'k',
    description: 'remove this many blocks',
    group: 'Search',
    schema: wholeNumber(1, 100_000).describe(EXPECTED.positive),
  },
  ratio: {
    key: 'ratio',
    metavar: 'r',
    description: 'remove the fewest blocks that hold this share of the parameters',
    group: 'Search',
    schema: numberOrDigits.pipe(z.number().gt(0).lt(1)).describe(EXPECTED.ratio),
  },
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
    description: 'exhaustive: the algorithm of the paper',
    group: 'Search',
    default: 'exhaustive',
    schema: z.enum(['exhaustive']).describe('exhaustive'),
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
  workers: {
    key: 'workers',
    metavar: 'local:N',
    description:
      'worker processes to start on this machine (default: as many as cores, memory or GPUs allow)',
    group: 'Workers',
    schema: z
      .string()
      .regex(/^local:([1-9]\d{0,1}|1\d\d|2[0-4]\d|25[0-6])$/)
      .describe(EXPECTED.workers),
  },
  listen: {
    key: 'listen',
    metavar: 'host:port',
    description: 'accept workers from other machines; starts none unless --workers is given too',
    group: 'Workers',
    schema: text.describe(EXPECTED.listen),
  },
  tlsCert: {
    key: 'tls-cert',
    metavar: 'file',
    description: 'certificate of the --listen port, PEM; read again when it changes',
    group: 'Workers',
    schema: text,
  },
  tlsKey: {
    key: 'tls-key',
    metavar: 'file',
    description: 'private key of --tls-cert, PEM',
    group: 'Workers',
    schema: text,
  },
  tlsClientCa: {
    key: 'tls-client-ca',
    metavar: 'file',
    description: 'demand of each worker a certificate of these authorities, PEM',
    group: 'Workers',
    schema: text,
  },
  tokenFile: {
    key: 'token-file',
    metavar: 'file',
    description: 'demand of each worker one of these tokens, one a line; or set BLOCKPRUNER_TOKEN to one',
    group: 'Workers',
    schema: text,
  },
  insecure: {
    key: 'insecure',
    description: 'listen on a network without TLS, or without asking workers who they are',
    group: 'Workers',
    schema: z.boolean().describe('true or false'),
  },
  artifactListen: {
    key: 'artifact-listen',
    metavar: 'host:port',
    description:
      "serve the model's files to workers that do not see them; none: workers must see them at the same path (default: the host of --listen, the next free port)",
    group: 'Workers',
    schema: text.describe(EXPECTED.artifactListen),
  },
  artifactBandwidth: {
    key: 'artifact-bandwidth',
    metavar: 'size',
    description: 'bytes of files a second, to all workers together, e.g. 1GiB (default: no limit)',
    group: 'Workers',
    schema: z.union([z.number().int().positive().transform(String), text]).describe(EXPECTED.bandwidth),
  },
  artifactStreams: {
    key: 'artifact-streams',
    metavar: 'n',
    description: 'workers that fetch files at the same time; others wait their turn',
    group: 'Workers',
    default: 8,
    schema: wholeNumber(1, 999).describe(EXPECTED.threads),
  },
  workerTimeout: {
    key: 'worker-timeout',
    metavar: 'time',
    description: 'give up, with all that was computed kept, when there has been no worker for so long',
    group: 'Workers',
    default: '15min',
    schema: text.refine((value) => (parseDuration(value) ?? 0) > 0).describe(EXPECTED.duration),
  },
  threads: {
    key: 'threads',
    metavar: 'n',
    description: 'threads of each worker of this machine (default: its share of the cores, tried out)',
    group: 'Workers',
    schema: wholeNumber(1, 999).describe(EXPECTED.threads),
  },
  microBatch: {
    key: 'micro-batch',
    metavar: 'rows',
    description: 'rows of one length that go through the model together (default: tried out)',
    group: 'Workers',
    schema: wholeNumber(1, 4096).describe(EXPECTED.microBatch),
  },
  memoryLimit: {
    key: 'memory-limit',
    metavar: 'size',
    description: 'memory for the workers of this machine, e.g. 12GiB (default: what is free)',
    group: 'Workers',
    schema: z.union([z.number().int().positive().transform(String), text]).describe(EXPECTED.memory),
  },
  dtype: {
    key: 'dtype',
    metavar: 'type',
    description: 'of weights and products inside blocks on workers of this machine: auto, fp32, bf16 or fp16',
    group: 'Workers',
    default: 'auto',
    schema: z.enum(['auto', 'fp32', 'bf16', 'fp16']).describe(EXPECTED.dtype),
  },
  mixedClasses: {
    key: 'mixed-classes',
    description: 'accept workers of any numeric class, and flag each decision that used two',
    group: 'Workers',
    schema: z.boolean().describe('true or false'),
  },
  stages: {
    key: 'stages',
    metavar: 'n',
    description: 'parts of the model that a worker of this machine holds one at a time; auto: as few as fit',
    group: 'Workers',
    default: 'auto',
    schema: z.union([z.literal('auto'), wholeNumber(1, 512)]).describe(EXPECTED.stages),
  },
  output: {
    key: 'output',
    metavar: 'dir',
    description: 'run folder (default: runs/<time>-<model>-<id>)',
    group: 'Output',
    schema: text,
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
export const PRINT_SETTINGS = ['json', 'logLevel', 'logFormat'] as const satisfies SettingName[];

export function setting(name: SettingName): Setting {
  return SETTINGS[name];
}
