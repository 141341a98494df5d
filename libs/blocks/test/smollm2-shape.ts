import type { ModelShape } from '../src/model-shape.ts';

/** The sizes of SmolLM2-135M, whose head is its embedding. */
export const SMOLLM2: ModelShape = {
  layerCount: 30,
  hiddenSize: 576,
  intermediateSize: 1536,
  headCount: 9,
  kvHeadCount: 3,
  headSize: 64,
  vocabSize: 49152,
  mhaParameters: 2 * 576 * 576 + 2 * 576 * 192 + 576,
  mlpParameters: 3 * 576 * 1536 + 576,
  totalParameters: 134_515_008,
};
