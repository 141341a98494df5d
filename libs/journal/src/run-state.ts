import { parseBlock } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import type { DecisionRecord, DenseRecord } from './decision-record.ts';
import type { DurableEvent, JournalNote } from './event.ts';

/** What a journal says of its run. */
export interface RunProgress {
  /** Undefined until the dense model is scored. */
  readonly dense: DenseRecord | undefined;
  /** In order: iteration 1 first. */
  readonly decisions: readonly DecisionRecord[];
  readonly finished: boolean;
  readonly notes: readonly JournalNote[];
}

/** `RunProgress` with the cells. */
export interface RunState extends RunProgress {
  /** Each cell once, in the order in which they were journaled. */
  readonly cells: readonly Cell[];
}

/** `RunState` while it grows: what a journal is read into, and what an event is checked against before it is written. */
export class RunLedger implements RunState {
  dense: DenseRecord | undefined;
  readonly decisions: DecisionRecord[] = [];
  readonly cells: Cell[] = [];
  readonly notes: JournalNote[] = [];
  finished = false;
  private readonly removed = new Set<number>();

  /** @throws RangeError when the event cannot follow what is already there */
  check(event: DurableEvent): void {
    if (this.finished) throw new RangeError(`${event.kind} after the run has finished`);
    if (event.kind === 'dense' && this.dense) throw new RangeError('the dense model is scored twice');
    if (event.kind !== 'decision') return;
    const { iteration, removed } = event.decision;
    const next = this.decisions.length + 1;
    if (iteration !== next) throw new RangeError(`iteration ${iteration} where ${next} is next`);
    if (this.removed.has(parseBlock(removed)))
      throw new RangeError(`iteration ${iteration} removes ${removed} again`);
  }

  apply(event: DurableEvent): void {
    switch (event.kind) {
      case 'dense':
        this.dense = event.dense;
        break;
      case 'decision':
        this.decisions.push(event.decision);
        this.removed.add(parseBlock(event.decision.removed));
        break;
      case 'finished':
        this.finished = true;
        break;
    }
  }
}
