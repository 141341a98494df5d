import { z } from 'zod';
import { EXPECTED, numberOrDigits, text, wholeNumber, type Setting } from './setting-schema.ts';

/** Options of the commands that run a model to generate text. */
export const GENERATION_OPTIONS = {
  prompt: {
    key: 'prompt',
    metavar: 'text',
    description: 'text to go on with; - reads it from standard input',
    group: 'Generation',
    schema: text,
  },
  chat: {
    key: 'chat',
    description: "take the prompt for what a user says, in the model's chat template",
    group: 'Generation',
    schema: z.boolean().describe('true or false'),
  },
  maxTokens: {
    key: 'max-tokens',
    metavar: 'n',
    description: 'tokens to generate at most',
    group: 'Generation',
    default: 256,
    schema: wholeNumber(1, 1_000_000).describe(EXPECTED.newTokens),
  },
  temperature: {
    key: 'temperature',
    metavar: 't',
    description: '0 takes the most likely token each time; above it, tokens are drawn',
    group: 'Generation',
    default: 0,
    schema: numberOrDigits.pipe(z.number().min(0).max(100)).describe(EXPECTED.temperature),
  },
  topK: {
    key: 'top-k',
    metavar: 'n',
    description: 'draw from so many most likely tokens only (default: all)',
    group: 'Generation',
    schema: wholeNumber(1, 1_000_000).describe(EXPECTED.topK),
  },
  topP: {
    key: 'top-p',
    metavar: 'p',
    description: 'draw from the most likely tokens that together have this probability',
    group: 'Generation',
    default: 1,
    schema: numberOrDigits.pipe(z.number().gt(0).lte(1)).describe(EXPECTED.topP),
  },
  promptTokens: {
    key: 'prompt-tokens',
    metavar: 'n',
    description: 'tokens of the prompt that is timed',
    group: 'Generation',
    default: 256,
    schema: wholeNumber(1, 1_000_000).describe(EXPECTED.newTokens),
  },
  newTokens: {
    key: 'new-tokens',
    metavar: 'n',
    description: 'tokens behind it that are timed',
    group: 'Generation',
    default: 48,
    schema: wholeNumber(1, 1_000_000).describe(EXPECTED.newTokens),
  },
  rounds: {
    key: 'rounds',
    metavar: 'n',
    description: 'times that each model runs; the medians count',
    group: 'Generation',
    default: 5,
    schema: wholeNumber(1, 999).describe(EXPECTED.threads),
  },
  device: {
    key: 'device',
    metavar: 'name',
    description: 'cpu, or cuda:0 for the first GPU',
    group: 'Generation',
    default: 'cpu',
    schema: z
      .string()
      .regex(/^(cpu|cuda:\d{1,3})$/)
      .describe(EXPECTED.device),
  },
} as const satisfies Record<string, Setting>;
