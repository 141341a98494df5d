// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { Long } from '@grpc/proto-loader';

export interface ArtifactFile {
  'name'?: (string);
  'sizeBytes'?: (number | string | Long);
  'sha256'?: (Buffer | Uint8Array | string);
  'chunkHashes'?: (Buffer | Uint8Array | string);
}

export interface ArtifactFile__Output {
  'name': (string);
  'sizeBytes': (number);
  'sha256': (Buffer);
  'chunkHashes': (Buffer);
}
