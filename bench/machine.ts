import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { numericClass } from '@blockpruner/inference';

/** What figures are worth nothing without. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Averages of the run queue over 1, 5 and 15 minutes: above 0 at the start, others shared the machine. */
  readonly loadAverage: readonly number[];
  readonly node: string;
  /** Engine and version, provider, instruction set. */
  readonly numericClass: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus().at(0)?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
    node: process.version,
    numericClass: numericClass('cpu', 'fp32'),
  };
}
