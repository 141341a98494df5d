// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { FetchReply as _blockpruner_v1_FetchReply, FetchReply__Output as _blockpruner_v1_FetchReply__Output } from '../../blockpruner/v1/FetchReply.ts';
import type { FetchRequest as _blockpruner_v1_FetchRequest, FetchRequest__Output as _blockpruner_v1_FetchRequest__Output } from '../../blockpruner/v1/FetchRequest.ts';
import type { GetManifestRequest as _blockpruner_v1_GetManifestRequest, GetManifestRequest__Output as _blockpruner_v1_GetManifestRequest__Output } from '../../blockpruner/v1/GetManifestRequest.ts';
import type { ManifestReply as _blockpruner_v1_ManifestReply, ManifestReply__Output as _blockpruner_v1_ManifestReply__Output } from '../../blockpruner/v1/ManifestReply.ts';

export interface ArtifactsDefinition {
  Fetch: MethodDefinition<_blockpruner_v1_FetchRequest, _blockpruner_v1_FetchReply, _blockpruner_v1_FetchRequest__Output, _blockpruner_v1_FetchReply__Output>
  GetManifest: MethodDefinition<_blockpruner_v1_GetManifestRequest, _blockpruner_v1_ManifestReply, _blockpruner_v1_GetManifestRequest__Output, _blockpruner_v1_ManifestReply__Output>
}
