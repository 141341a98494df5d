import type { ShapePlan } from '@blockpruner/blocks';
import type { JournalNote } from '@blockpruner/journal';
import { z } from 'zod';
import { RunError } from './usage-error.ts';

/** The plan of a numeric class. */
interface FixedShapePlan {
  readonly numericClass: string;
  readonly shapePlan: ShapePlan;
}

/**
 * The shape plan of each numeric class of a run: the first worker of a class brings it, and it stays, so that every
 * cell of the class is computed under one plan.
 */
export class ShapePlans {
  private readonly byClass = new Map<string, ShapePlan>();

  /** @param fixed by a run that is resumed */
  constructor(fixed: Iterable<FixedShapePlan> = []) {
    for (const { numericClass, shapePlan } of fixed) this.byClass.set(numericClass, shapePlan);
  }

  of(numericClass: string): ShapePlan | undefined {
    return this.byClass.get(numericClass);
  }

  /** @returns whether the class had none: the plan is fixed now */
  offer(numericClass: string, shapePlan: ShapePlan): boolean {
    if (this.byClass.has(numericClass)) return false;
    this.byClass.set(numericClass, shapePlan);
    return true;
  }

  toJSON(): Record<string, ShapePlan> {
    return Object.fromEntries(this.byClass);
  }
}

const size = z.number().int().positive();
const fixedSchema = z.object({
  numericClass: z.string(),
  shapePlan: z.object({
    microBatchRows: size,
    segmentCandidates: size,
    headChunkTokens: size,
    rowBucketTokens: size,
  }),
});

/**
 * The plans that a run's journal has fixed.
 * @throws RunError when a plan of the journal cannot be read
 */
export function shapePlansOf(notes: readonly JournalNote[]): ShapePlans {
  const fixed = notes.filter(({ kind }) => kind === 'shape-plan').map((note) => fixedSchema.safeParse(note));
  const bad = fixed.findIndex(({ success }) => !success);
  if (bad >= 0) throw new RunError(`shape plan ${bad + 1} of the journal cannot be read: start a new run`);
  return new ShapePlans(fixed.flatMap(({ data }) => data ?? []));
}
