/**
 * `npm run bench -- <name>`: measures, prints a table, and with `--json` writes all figures.
 *
 * - sweep.ts: one iteration with shared prefixes against one forward pass a candidate
 * - reference.ts: a whole search against the same loop in PyTorch (reference/search.py)
 * - search.ts: what a race saves against the exhaustive search, and how often it chooses wrongly (recording.ts,
 *   replayed-search.ts, race-replays.ts)
 * - speedup.ts: exports without blocks, in the runtimes of others, against the dense model (speedup/time_runs.py)
 * - peak.ts: FLOP/s of a sweep against those of a matrix product
 * - memory.ts: peak memory of a compute process against the formula
 * - stages.ts: time and peak memory with the model in stages, and what a load of a stage has to serve
 * - cost-model.ts: whether predicted cost orders sweeps as measured time does
 * - artifacts.ts: megabytes a second of the files that workers fetch
 * - prefix-states.ts: what states kept across iterations save, promised by FLOPs and measured
 * - fleet.ts: how much of what its workers could compute a search gets done, in virtual time
 * - healing.ts: what healing does to scores, on texts that it was not measured on
 * - export-memory.ts: peak memory and time of writing a pruned model (export-process.ts)
 * - gpu-hours.ts: what a search is expected to cost, by model; measures nothing
 * - coordinator.ts: what a coordinator costs with many workers (coordinator-process.ts)
 *
 * What they share: options.ts, models.ts, published-shape.ts, calibration-rows.ts, blockpruner.ts, timing.ts, machine.ts, progress.ts.
 */
import { writeFileSync } from 'node:fs';
import { formatBytes } from '@blockpruner/telemetry';
import type { Benchmark, OptionValues } from './benchmark.ts';
import { describeMachine, type Machine } from './machine.ts';
import { helpOf, parseOptions, UsageError } from './options.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  sweep: async () => (await import('./sweep.ts')).sweepBenchmark,
  reference: async () => (await import('./reference.ts')).referenceBenchmark,
  search: async () => (await import('./search.ts')).searchBenchmark,
  speedup: async () => (await import('./speedup.ts')).speedupBenchmark,
  peak: async () => (await import('./peak.ts')).peakBenchmark,
  memory: async () => (await import('./memory.ts')).memoryBenchmark,
  'prefix-states': async () => (await import('./prefix-states.ts')).prefixStatesBenchmark,
  stages: async () => (await import('./stages.ts')).stagesBenchmark,
  coordinator: async () => (await import('./coordinator.ts')).coordinatorBenchmark,
  fleet: async () => (await import('./fleet.ts')).fleetBenchmark,
  artifacts: async () => (await import('./artifacts.ts')).artifactsBenchmark,
  healing: async () => (await import('./healing.ts')).healingBenchmark,
  'export-memory': async () => (await import('./export-memory.ts')).exportMemoryBenchmark,
  'gpu-hours': async () => (await import('./gpu-hours.ts')).gpuHoursBenchmark,
  'cost-model': async () => (await import('./cost-model.ts')).costModelBenchmark,
};

async function main([name = '--help', ...argv]: string[]): Promise<void> {
  if (name === '--help') return usage();
  const load = BENCHMARKS[name];
  if (load === undefined) {
    throw new UsageError(
      `there is no benchmark "${name}": name one of ${Object.keys(BENCHMARKS).join(', ')}`,
    );
  }
  const benchmark = await load();
  const options = parseOptions(benchmark, argv);
  if (options.has('help')) {
    process.stdout.write(helpOf(name, benchmark));
    return;
  }
  await measure(name, benchmark, options, `npm run bench -- ${[name, ...argv].join(' ')}`);
}

async function usage(): Promise<void> {
  const lines = await Promise.all(
    Object.entries(BENCHMARKS).map(
      async ([name, load]) => `  ${name.padEnd(12)} ${(await load()).summary.split('\n')[0]}`,
    ),
  );
  process.stdout.write(
    ['Usage: npm run bench -- <name> [options]', '', ...lines, '', 'Each has --help.', ''].join('\n'),
  );
}

async function measure(
  name: string,
  benchmark: Benchmark,
  options: OptionValues,
  command: string,
): Promise<void> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const { findings, results } = await benchmark.run(options);
  const ended = describeMachine();
  const text = [
    ...headLines(command, machine, ended),
    ...findings.flatMap((finding) => ['', finding.title, '', finding.table, '', ...finding.notes]),
  ];
  process.stdout.write(`${text.join('\n')}\n`);
  if (options.text('json') === '') return;
  const report = {
    benchmark: name,
    command,
    startedAt,
    machine: { ...machine, loadAverageAtEnd: ended.loadAverage },
    options: options.all,
    results,
  };
  writeFileSync(options.text('json'), `${JSON.stringify(report, null, 2)}\n`);
}

function headLines(command: string, machine: Machine, ended: Machine): string[] {
  return [
    `command: ${command}`,
    `machine: ${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)}; node ${machine.node}, ${machine.numericClass}`,
    `load average at the start ${machine.loadAverage.join(' ')}, at the end ${ended.loadAverage.join(' ')}`,
  ];
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
