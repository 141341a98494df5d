import { describe, expect, it } from 'vitest';
import { resolveGraphOptions } from './graph-options.ts';

describe('graph options', () => {
  it('default to the whole model in fp32 with grouped attention', () => {
    expect(resolveGraphOptions(3, {})).toEqual({
      dtype: 'float32',
      attention: 'grouped',
      stage: { start: 0, end: 6 },
    });
    const given = { dtype: 'bfloat16', attention: 'multi-head', stage: { start: 2, end: 4 } } as const;
    expect(resolveGraphOptions(3, given)).toEqual(given);
  });

  it.each([
    [1, 6],
    [0, 5],
    [2, 2],
    [4, 2],
    [-2, 2],
    [0, 8],
    [0, 2.5],
    [NaN, 6],
  ])('refuse the stage [%d, %d) of a model with 6 blocks', (start, end) => {
    expect(() => resolveGraphOptions(3, { stage: { start, end } })).toThrow(
      `stage [${start}, ${end}) is not a run of whole layers`,
    );
  });
});
