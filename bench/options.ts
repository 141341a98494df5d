import { parseArgs } from 'node:util';
import type { Benchmark, BenchOption, OptionValues } from './benchmark.ts';

/** The user's mistake; its message says the way out. */
export class UsageError extends Error {}

const COMMON: Readonly<Record<string, BenchOption>> = {
  json: { placeholder: '<file>', description: 'write all figures as JSON', value: '' },
  quick: { description: 'a smoke run of seconds: its figures mean nothing' },
  help: { description: 'show this help' },
};

/** @throws UsageError when an option is unknown, or misses its value */
export function parseOptions(benchmark: Benchmark, argv: readonly string[]): OptionValues {
  const known = { ...benchmark.options, ...COMMON };
  const config = Object.fromEntries(
    Object.entries(known).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const given = parse([...argv], config);
  const all = Object.fromEntries(
    Object.entries(known).map(([name, { value, quick }]) => [
      name,
      given[name] ?? (given.quick === true ? quick : undefined) ?? value ?? false,
    ]),
  );
  const text = (name: string): string => String(all[name]);
  const texts = (name: string): string[] => text(name).split(',');
  const integers = (name: string, least = 1): number[] =>
    texts(name).map((part) => {
      const value = Number(part);
      if (part.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
      throw new UsageError(`--${name} takes whole numbers of at least ${least}, got "${text(name)}"`);
    });
  const integer = (name: string, least = 1): number => {
    const [value, ...more] = integers(name, least);
    if (more.length > 0) throw new UsageError(`--${name} takes one number, got "${text(name)}"`);
    return value;
  };
  return { all, has: (name) => all[name] === true, text, texts, integer, integers };
}

function parse(
  args: string[],
  options: Record<string, { type: 'boolean' | 'string' }>,
): Record<string, string | boolean | undefined> {
  try {
    return parseArgs({ args, options, strict: true }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}; --help lists the options`);
  }
}

/** The text of `--help`. */
export function helpOf(name: string, benchmark: Benchmark): string {
  const lines = Object.entries({ ...benchmark.options, ...COMMON }).map(([option, spec]) => {
    const usage = `  --${option}${spec.placeholder === undefined ? '' : ` ${spec.placeholder}`}`;
    const value = spec.value ? ` (default: ${spec.value}${quickValue(spec)})` : '';
    return `${usage.padEnd(26)} ${spec.description}${value}`;
  });
  return [
    `Usage: npm run bench -- ${name} [options]`,
    '',
    benchmark.summary,
    '',
    'Options:',
    ...lines,
    '',
    'Examples:',
    ...benchmark.examples.map((words) => `  npm run bench -- ${words}`),
    '',
  ].join('\n');
}

function quickValue({ quick }: BenchOption): string {
  return quick === undefined ? '' : `, --quick: ${quick}`;
}
