import type { CellId } from '@blockpruner/perplexity';
import type { FleetEvent } from './fleet-event.ts';

/** What about a cell fails a run. */
interface Cause {
  readonly reason: string;
  readonly cell: CellId;
  /** Names. */
  readonly workers: readonly string[];
}

/**
 * The run cannot go on, and the message names the cell and the workers: a single cell took down three of them, three
 * computed three different values of it, or a decision rests on a value that two others contradict.
 */
export class FleetError extends Error {
  override readonly name = 'FleetError';
  readonly cell: CellId;
  /** Names of the workers, in the order of what they did. */
  readonly workers: readonly string[];
  /** What happened in the call that threw. */
  readonly events: readonly FleetEvent[];

  constructor({ reason, cell, workers }: Cause, events: readonly FleetEvent[]) {
    super(reason);
    this.cell = cell;
    this.workers = workers;
    this.events = events;
  }
}
