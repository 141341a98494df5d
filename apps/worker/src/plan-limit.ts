import { capPlan, shrinkPlan, type Mask, type ShapePlan } from '@blockpruner/blocks';
import type { WireTask } from '@blockpruner/wire';

/** Tasks in whose midst the compute process died; more are not worth remembering. */
const MAX_REMEMBERED = 16;

/**
 * The largest plan that this worker computes with, once it has run out of memory, and the deaths that tell whether
 * it has.
 *
 * Invariants:
 * 1. The limit only ever shrinks.
 * 2. A task is remembered from a death of its process until it is computed or the limit shrinks.
 */
export class PlanLimit {
  private limit: ShapePlan | undefined;
  private remembered: WireTask[] = [];

  /** The plan, no larger than the limit. */
  cap(plan: ShapePlan): ShapePlan {
    return this.limit === undefined ? plan : capPlan(plan, this.limit);
  }

  /**
   * Takes the next smaller plan than the one that did not fit as the limit.
   * @returns the limit, or null where no plan is smaller
   */
  shrinkBelow(plan: ShapePlan): ShapePlan | null {
    const smaller = shrinkPlan(plan);
    if (smaller === null) return null;
    this.remembered = [];
    this.limit = this.cap(smaller); // (1)
    return this.limit;
  }

  /** The process died in the midst of the task. @returns whether one had died over the same cells before */
  hasDiedBefore(task: WireTask): boolean {
    const known = this.remembered.some((other) => shareCells(task, other));
    this.remembered = [...this.remembered.slice(1 - MAX_REMEMBERED), task];
    return known;
  }

  /** The task was computed: what died over it died of something else. */
  computed(task: WireTask): void {
    this.remembered = this.remembered.filter((other) => !shareCells(task, other));
  }
}

/** A task that comes again has another id, and may be a part of what it was. */
function shareCells(a: WireTask, b: WireTask): boolean {
  if (a.unit !== b.unit || a.inFp32 !== b.inFp32 || !sameMask(a.base, b.base)) return false;
  const rows = new Set(b.rows.map(({ index }) => index));
  return (
    a.rows.some(({ index }) => rows.has(index)) &&
    ((a.baseline && b.baseline) || a.candidates.some((candidate) => b.candidates.includes(candidate)))
  );
}

function sameMask(a: Mask, b: Mask): boolean {
  return a.length === b.length && a.every((block, i) => block === b[i]);
}
