import type { ModelShape } from '@blockpruner/blocks';

/**
 * The shape of a model as its published config has the sizes: three projections in the feed-forward block, no biases.
 * @param isTied whether the head is the embedding
 */
export function publishedShape(
  layerCount: number,
  hiddenSize: number,
  intermediateSize: number,
  headCount: number,
  kvHeadCount: number,
  vocabSize: number,
  { headSize = 64, isTied = true }: { readonly headSize?: number; readonly isTied?: boolean } = {},
): ModelShape {
  const mhaParameters = 2 * hiddenSize * headSize * (headCount + kvHeadCount) + hiddenSize;
  const mlpParameters = 3 * hiddenSize * intermediateSize + hiddenSize;
  const vocabularies = (isTied ? 1 : 2) * vocabSize * hiddenSize;
  return {
    layerCount,
    hiddenSize,
    intermediateSize,
    headCount,
    kvHeadCount,
    headSize,
    vocabSize,
    mhaParameters,
    mlpParameters,
    totalParameters: layerCount * (mhaParameters + mlpParameters) + vocabularies + hiddenSize,
  };
}
