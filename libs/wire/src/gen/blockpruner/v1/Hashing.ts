// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { Long } from '@grpc/proto-loader';

export interface Hashing {
  'doneBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
}

export interface Hashing__Output {
  'doneBytes': (number);
  'totalBytes': (number);
}
