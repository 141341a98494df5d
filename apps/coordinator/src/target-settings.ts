import { parseCount } from '@blockpruner/telemetry';
import { z } from 'zod';
import { EXPECTED, numberOrDigits, text, wholeNumber, type Setting } from './setting-schema.ts';

/** The options that say how much is to go, and which blocks may. */
export const TARGET_SETTINGS = {
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
  targetParams: {
    key: 'target-params',
    metavar: 'n',
    description: 'remove the fewest blocks that leave at most this many parameters, e.g. 1.1B, 900M or 135k',
    group: 'Search',
    schema: z
      .union([z.number().int().min(1), text.transform(parseCount).pipe(z.number())])
      .describe('a number of parameters, e.g. 1.1B, 900M, 135k or 134515008'),
  },
  maxPerplexity: {
    key: 'max-perplexity',
    metavar: 'x',
    description: 'stop before the decision that would take the perplexity above this',
    group: 'Search',
    schema: numberOrDigits.pipe(z.number().gt(1)).describe('a perplexity above 1, e.g. 12.5'),
  },
  maxIncrease: {
    key: 'max-increase',
    metavar: 'p%',
    description: "stop before the decision that would take it so far above the dense model's, e.g. 20%",
    group: 'Search',
    schema: z
      .string()
      .regex(/^\d{1,6}(\.\d{1,6})? ?%$/)
      .describe("per cent of the dense model's perplexity, with the sign, e.g. 20%"),
  },
  keep: {
    key: 'keep',
    metavar: 'blocks',
    description: 'blocks that never go, e.g. mha.0,layer.29; layer.29: both of its blocks',
    group: 'Search',
    schema: text.describe('blocks joined by commas, e.g. mha.0,mlp.3,layer.29'),
  },
  startMask: {
    key: 'start-mask',
    metavar: 'blocks',
    description:
      'blocks that are gone before the first decision, e.g. mha.3+mlp.7, or a file that lists them; may be given many times',
    group: 'Search',
    repeatable: true,
    schema: z.array(z.string()).describe('blocks joined by +, e.g. mha.3+mlp.7, or a file'),
  },
  objective: {
    key: 'objective',
    metavar: 'what',
    description: 'score: the block goes without which the score is best; score-per-param: best for its size',
    group: 'Search',
    default: 'score',
    schema: z.enum(['score', 'score-per-param']).describe('score or score-per-param'),
  },
} as const satisfies Record<string, Setting>;

/** How much is to go. */
export const STOP_SETTINGS = ['remove', 'ratio', 'targetParams', 'maxPerplexity', 'maxIncrease'] as const;
