// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { Hashing as _blockpruner_v1_Hashing, Hashing__Output as _blockpruner_v1_Hashing__Output } from '../../blockpruner/v1/Hashing.ts';
import type { Manifest as _blockpruner_v1_Manifest, Manifest__Output as _blockpruner_v1_Manifest__Output } from '../../blockpruner/v1/Manifest.ts';

export interface ManifestReply {
  'hashing'?: (_blockpruner_v1_Hashing | null);
  'manifest'?: (_blockpruner_v1_Manifest | null);
  'kind'?: "hashing"|"manifest";
}

export interface ManifestReply__Output {
  'hashing'?: (_blockpruner_v1_Hashing__Output | null);
  'manifest'?: (_blockpruner_v1_Manifest__Output | null);
  'kind'?: "hashing"|"manifest";
}
