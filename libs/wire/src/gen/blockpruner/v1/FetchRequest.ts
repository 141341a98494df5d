// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { Long } from '@grpc/proto-loader';

export interface FetchRequest {
  'sha256'?: (Buffer | Uint8Array | string);
  'offsetBytes'?: (number | string | Long);
  'lengthBytes'?: (number | string | Long);
}

export interface FetchRequest__Output {
  'sha256': (Buffer);
  'offsetBytes': (number);
  'lengthBytes': (number);
}
