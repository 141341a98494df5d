import type { Measurement, MeasureRequest } from '@blockpruner/generation';
import { formatBytes, formatTable } from '@blockpruner/telemetry';

/** What one model takes: medians over the rounds. */
export interface BenchResult {
  /** As it was named. */
  readonly model: string;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly firstTokenSeconds: number;
  readonly residentBytes: number;
  readonly weightBytes: number;
  readonly cacheBytesPerToken: number;
}

/** What each figure is of the first model's. */
export type BenchRatios = { readonly [Figure in Exclude<keyof BenchResult, 'model'>]: number };

/** @param measurements of each round, one or more */
export function benchResult(
  model: string,
  { promptTokens, newTokens }: MeasureRequest,
  measurements: readonly Measurement[],
): BenchResult {
  const of = (value: (measurement: Measurement) => number): number => median(measurements.map(value));
  return {
    model,
    prefillTokensPerSecond: of(({ prefillSeconds }) => promptTokens / prefillSeconds),
    decodeTokensPerSecond: of(({ decodeSeconds }) => newTokens / decodeSeconds),
    firstTokenSeconds: of(({ firstTokenSeconds }) => firstTokenSeconds),
    residentBytes: of(({ residentBytes }) => residentBytes),
    weightBytes: of(({ weightBytes }) => weightBytes),
    cacheBytesPerToken: of(({ cacheBytesPerToken }) => cacheBytesPerToken),
  };
}

export function benchRatios(result: BenchResult, first: BenchResult): BenchRatios {
  const ratio = (figure: keyof BenchRatios): number => result[figure] / first[figure];
  return {
    prefillTokensPerSecond: ratio('prefillTokensPerSecond'),
    decodeTokensPerSecond: ratio('decodeTokensPerSecond'),
    firstTokenSeconds: ratio('firstTokenSeconds'),
    residentBytes: ratio('residentBytes'),
    weightBytes: ratio('weightBytes'),
    cacheBytesPerToken: ratio('cacheBytesPerToken'),
  };
}

/** A table with a line a model; what is in parentheses is of the first model's. */
export function benchTable(results: readonly BenchResult[]): string {
  const figure = (title: string, name: keyof BenchRatios, format: (value: number) => string) => ({
    title,
    align: 'right' as const,
    value: (result: BenchResult) => {
      const ratio = benchRatios(result, results[0])[name];
      return result === results[0] ? format(result[name]) : `${format(result[name])} (${ratio.toFixed(2)}x)`;
    },
  });
  const speed = (value: number): string => value.toFixed(1);
  return formatTable(results, [
    { title: 'model', value: ({ model }) => model },
    figure('prefill tokens/s', 'prefillTokensPerSecond', speed),
    figure('decode tokens/s', 'decodeTokensPerSecond', speed),
    figure('first token', 'firstTokenSeconds', (seconds) => `${(1000 * seconds).toFixed(0)} ms`),
    figure('resident', 'residentBytes', formatBytes),
    figure('weights', 'weightBytes', formatBytes),
    figure('cache a token', 'cacheBytesPerToken', formatBytes),
  ]);
}

/** Of an even number, the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}
