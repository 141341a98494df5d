import { buildMatmulGraph } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';
import { GRAPH_DTYPE, type Dtype } from './dtype.ts';
import { providerOptions } from './onnx-session.ts';

export interface MatmulOptions {
  /** `cpu` or `cuda:<index>`; the CPU where absent. */
  readonly device?: string;
  readonly dtype?: Dtype;
  readonly threads: number;
  /** The product is `[rows, inner] · [inner, columns]`. */
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** How long to measure; the first run is not counted. */
  readonly seconds: number;
  /** Products in one run; more than one needs `inner` equal to `columns`. */
  readonly chain?: number;
}

/**
 * Speed of a matrix product with packed weights on a device: the fastest of all runs in the time given.
 * @returns FLOP/s, a multiply-add counted as two
 */
export async function measureMatmulPeak(options: MatmulOptions): Promise<number> {
  const { device = 'cpu', dtype = 'fp32', threads, rows, inner, columns, seconds, chain = 1 } = options;
  const graph = buildMatmulGraph({ dtype: GRAPH_DTYPE[dtype], inner, columns, chain });
  const session = await ort.InferenceSession.create(graph, providerOptions({ device, threads }));
  try {
    const x = new ort.Tensor('float32', new Float32Array(rows * inner).fill(0.5), [rows, inner]);
    const y = new ort.Tensor('float32', new Float32Array(rows * columns), [rows, columns]);
    await session.run({ x }, { y });
    const endMs = performance.now() + 1000 * seconds;
    let fastestMs = Number.POSITIVE_INFINITY;
    do {
      const startedMs = performance.now();
      await session.run({ x }, { y });
      fastestMs = Math.min(fastestMs, performance.now() - startedMs);
    } while (performance.now() < endMs);
    return (2 * rows * inner * columns * chain * 1000) / fastestMs;
  } finally {
    await session.release();
  }
}
