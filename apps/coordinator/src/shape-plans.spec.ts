import { CPU_SHAPE_PLAN, GPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { ShapePlans } from './shape-plans.ts';

describe('ShapePlans', () => {
  it('keep the first plan of each class, and those of a resumed run', () => {
    const plans = new ShapePlans([{ numericClass: 'old', shapePlan: GPU_SHAPE_PLAN }]);
    expect(plans.of('new')).toBeUndefined();
    expect([plans.offer('new', CPU_SHAPE_PLAN), plans.offer('new', GPU_SHAPE_PLAN)]).toEqual([true, false]);
    expect(plans.offer('old', CPU_SHAPE_PLAN)).toBe(false);
    expect([plans.of('new'), plans.of('old')]).toEqual([CPU_SHAPE_PLAN, GPU_SHAPE_PLAN]);
    expect(JSON.parse(JSON.stringify(plans))).toEqual({ old: GPU_SHAPE_PLAN, new: CPU_SHAPE_PLAN });
  });
});
