import { formatMask, parseBlock, parseMask, type Mask, type StopRule } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import type { DecisionRecord, DenseRecord } from './decision-record.ts';
import type { DurableEvent, JournalNote } from './event.ts';
import type { RunConfig } from './run-config.ts';
import type { Stopped } from './stop-record.ts';

/** What a journal says of its run. */
export interface RunProgress {
  /** Undefined until the dense model is scored. */
  readonly dense: DenseRecord | undefined;
  /** In order: iteration 1 first. */
  readonly decisions: readonly DecisionRecord[];
  readonly finished: boolean;
  /** What ended it; undefined where it is not finished, or had no limit. */
  readonly stopped: Stopped | undefined;
  readonly notes: readonly JournalNote[];
  /** In which the latest cells were computed; undefined while there are none. */
  readonly numericClass: string | undefined;
}

/** `RunProgress` with the cells. */
export interface RunState extends RunProgress {
  /** Each cell once, in the order in which they were journaled. */
  readonly cells: readonly Cell[];
  /** In which the cells of a base mask were computed, sorted. */
  numericClassesOf(mask: Mask): string[];
}

/** `RunState` while it grows: what a journal is read into, and what an event is checked against before it is written. */
export class RunLedger implements RunState {
  dense: DenseRecord | undefined;
  readonly decisions: DecisionRecord[] = [];
  readonly cells: Cell[] = [];
  readonly notes: JournalNote[] = [];
  finished = false;
  stopped: Stopped | undefined;
  numericClass: string | undefined;
  /** By text form of the mask. */
  private readonly numericClasses = new Map<string, Set<string>>();
  private readonly removed = new Set<number>();
  private extendedTo: StopRule | undefined;

  /** What the run computes now: what it was created for, with the stop rule that it was last extended to. */
  effective(created: RunConfig): RunConfig {
    return this.extendedTo ? { ...created, stop: this.extendedTo } : created;
  }

  /** Blocks that are gone before the first decision cannot go again. */
  startWith({ startMask = 'dense' }: RunConfig): void {
    for (const block of parseMask(startMask)) this.removed.add(block);
  }

  numericClassesOf(mask: Mask): string[] {
    return [...(this.numericClasses.get(formatMask(mask)) ?? [])].sort();
  }

  /** Cells of the mask came, computed in this class. */
  computedIn(mask: Mask, numericClass: string): void {
    const text = formatMask(mask);
    const classes = this.numericClasses.get(text);
    if (classes) classes.add(numericClass);
    else this.numericClasses.set(text, new Set([numericClass]));
    this.numericClass = numericClass;
  }

  /** @throws RangeError when the event cannot follow what is already there */
  check(event: DurableEvent): void {
    if (event.kind === 'extended') return;
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
        this.stopped = event.stopped;
        break;
      case 'extended':
        this.finished = false;
        this.stopped = undefined;
        this.extendedTo = event.stop;
        break;
    }
  }
}
