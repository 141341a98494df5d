// Original file: ../../proto/blockpruner/v1/sweep.proto


export interface ShapePlan {
  'microBatchRows'?: (number);
  'segmentCandidates'?: (number);
  'headChunkTokens'?: (number);
  'rowBucketTokens'?: (number);
}

export interface ShapePlan__Output {
  'microBatchRows': (number);
  'segmentCandidates': (number);
  'headChunkTokens': (number);
  'rowBucketTokens': (number);
}
