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
  readonly group: 'Model and data' | 'Search' | 'Export' | 'Generation' | 'Workers' | 'Monitoring' | 'Output';
  readonly default?: string | number;
  readonly repeatable?: boolean;
  readonly schema: z.ZodType;
}

/** Flags and variables are texts, a config file has numbers. */
export const numberOrDigits = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .transform(Number),
]);
export const wholeNumber = (min: number, max: number) =>
  numberOrDigits.pipe(z.number().int().min(min).max(max));

/** What each schema accepts, in words: the way out of a usage error. */
export const EXPECTED = {
  text: 'a text',
  positive: 'a whole number from 1 to 100000',
  count: 'a whole number from 0 to 100000',
  tokens: 'a whole number from 2 to 131072',
  seed: 'a whole number from 0 to 4294967295',
  ratio: 'a number above 0 and below 1, e.g. 0.2',
  confidence: 'a number above 0, at most 1, e.g. 0.99',
  listen: 'host:port, e.g. 0.0.0.0:50051, or a port alone',
  artifactListen: 'host:port, e.g. 0.0.0.0:50052, a port alone, or none',
  bandwidth: 'a size for each second, e.g. 1GiB or 200MiB, at least 1MiB',
  workers: 'local:N with N from 1 to 256, e.g. local:2',
  threads: 'a whole number from 1 to 999',
  microBatch: 'a whole number from 1 to 4096',
  memory: 'a size, e.g. 12GiB, 512MiB or a number of bytes',
  dtype: 'auto, fp32, bf16 or fp16',
  stages: 'auto, or a whole number from 1 to 512',
  device: 'cpu or cuda:<index>, e.g. cuda:0',
  newTokens: 'a whole number from 1 to 1000000',
  temperature: 'a number from 0 to 100, e.g. 0.7',
  topK: 'a whole number from 1 to 1000000',
  topP: 'a number above 0, at most 1, e.g. 0.9',
  duration: 'a time above 0, e.g. 90s, 15min or 2h',
};

export const text = z.string().min(1, EXPECTED.text);
