import type { WeightFormat } from '@blockpruner/blocks';
import type { BlockDtype, GraphOptions } from '@blockpruner/graph';
import type { GpuInfo } from './gpu-info.ts';

/** Of weights and matrix products inside blocks. The residual stream, the head and the logits are fp32 always. */
export type Dtype = 'fp32' | 'bf16' | 'fp16';

export const GRAPH_DTYPE: Record<Dtype, BlockDtype> = {
  fp32: 'float32',
  bf16: 'bfloat16',
  fp16: 'float16',
};

/** The CUDA provider has no fp32 kernel of grouped-query attention. */
export function attentionOf(device: string, dtype: Dtype): GraphOptions['attention'] {
  return device !== 'cpu' && dtype === 'fp32' ? 'multi-head' : 'grouped';
}

/** How a device holds weights of a dtype: onnxruntime has no 16-bit matrix product for CPUs and keeps fp32 copies. */
export function weightFormat(device: string, dtype: Dtype): WeightFormat {
  return { bytesPerWeight: device === 'cpu' || dtype === 'fp32' ? 4 : 2 };
}

/** The first GPUs with bf16 matrix products (Ampere). */
const BF16_CAPABILITY = 8.0;

/**
 * What `auto` means on a device: fp32 on a CPU; on a GPU bf16 where it multiplies that, else fp16.
 * @param gpu undefined on a CPU, or where the driver does not tell
 * @throws RangeError naming the device when it has no matrix product of the dtype asked for
 */
export function resolveDtype(requested: Dtype | 'auto', device: string, gpu: GpuInfo | undefined): Dtype {
  if (device === 'cpu') {
    if (requested === 'bf16') {
      throw new RangeError(
        'bf16 is for GPUs: onnxruntime has no bf16 matrix product for CPUs; use fp32, or fp16, which computes through fp32',
      );
    }
    return requested === 'auto' ? 'fp32' : requested;
  }
  const hasBf16 = gpu !== undefined && Number(gpu.computeCapability) >= BF16_CAPABILITY;
  if (requested === 'auto') return hasBf16 ? 'bf16' : 'fp16';
  if (requested === 'bf16' && gpu !== undefined && !hasBf16) {
    throw new RangeError(
      `${device} (${gpu.name}) has compute capability ${gpu.computeCapability} and bf16 needs 8.0: use fp16`,
    );
  }
  return requested;
}
