import type { CellId } from '@blockpruner/perplexity';
import type { FleetEvent } from './fleet-event.ts';

/** A single cell took down three workers: the run fails, and the message names the cell and the workers. */
export class FleetError extends Error {
  override readonly name = 'FleetError';
  readonly cell: CellId;
  /** Names of the last three workers, in the order they were lost. */
  readonly workers: readonly string[];
  /** What happened in the call that threw, the loss among it. */
  readonly events: readonly FleetEvent[];

  constructor(condemned: FleetEvent & { kind: 'cell-condemned' }, events: readonly FleetEvent[]) {
    super(condemned.reason);
    this.cell = condemned.cell;
    this.workers = condemned.workers;
    this.events = events;
  }
}
