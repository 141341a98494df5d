/** One option of a benchmark. All have defaults, so that each benchmark is one command. */
export interface BenchOption {
  /** What follows the flag in the help, `<n>`; absent for a switch. */
  readonly placeholder?: string;
  readonly description: string;
  /** The value where the option is not given; a switch is off. */
  readonly value?: string;
  /** The value under `--quick`. */
  readonly quick?: string;
}

/** The options of one call, checked as they are read. */
export interface OptionValues {
  readonly all: Readonly<Record<string, string | boolean>>;
  has(name: string): boolean;
  text(name: string): string;
  texts(name: string): string[];
  /** @throws UsageError unless it is a whole number of at least `least` */
  integer(name: string, least?: number): number;
  integers(name: string, least?: number): number[];
}

/** What a benchmark found: a table for people, and data for programs. */
export interface Finding {
  readonly title: string;
  readonly table: string;
  /** Sentences below the table: what the figures mean, and what was not measured but scaled. */
  readonly notes: readonly string[];
}

export interface Outcome {
  readonly findings: readonly Finding[];
  /** Goes into the JSON as `results`. */
  readonly results: unknown;
}

/** A benchmark: what it measures, the options it takes, and the measuring. */
export interface Benchmark {
  readonly summary: string;
  readonly options: Readonly<Record<string, BenchOption>>;
  readonly examples: readonly string[];
  run(options: OptionValues): Promise<Outcome>;
}
