/** Element type of the work inside blocks. */
export type BlockDtype = 'float32' | 'bfloat16' | 'float16';

/** How one evaluation graph of a checkpoint differs from another. */
export interface GraphOptions {
  /**
   * Type of weights and matrix products inside blocks. The residual stream, the norms with their accumulation, the
   * head's weight and the logits are fp32 always.
   */
  readonly dtype: BlockDtype;
  /**
   * 'grouped': `GroupQueryAttention`. 'multi-head': `MultiHeadAttention` over repeated keys and values, with the
   * rotary embedding before it: onnxruntime's CUDA provider has no fp32 kernel of the former.
   */
  readonly attention: 'grouped' | 'multi-head';
  /** Blocks `[start, end)` that the graph holds, both even (whole layers). The last stage holds the head too. */
  readonly stage: { readonly start: number; readonly end: number };
}

/**
 * Fills in fp32, grouped attention and the whole model.
 * @throws RangeError when the stage is not a run of whole layers of the model
 */
export function resolveGraphOptions(layerCount: number, given: Partial<GraphOptions>): GraphOptions {
  const blockCount = 2 * layerCount;
  const stage = given.stage ?? { start: 0, end: blockCount };
  const { start, end } = stage;
  if (!isLayerBoundary(start) || !isLayerBoundary(end) || start < 0 || end > blockCount || start >= end) {
    throw new RangeError(
      `stage [${start}, ${end}) is not a run of whole layers: both ends must be even, the first below the second, within 0 and ${blockCount}`,
    );
  }
  return { dtype: given.dtype ?? 'float32', attention: given.attention ?? 'grouped', stage };
}

function isLayerBoundary(block: number): boolean {
  return Number.isInteger(block) && block % 2 === 0;
}
