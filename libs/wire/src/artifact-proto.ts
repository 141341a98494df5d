import type { ServiceDefinition } from '@grpc/proto-loader';
import type { FetchReply, FetchReply__Output } from './gen/blockpruner/v1/FetchReply.ts';
import type { FetchRequest, FetchRequest__Output } from './gen/blockpruner/v1/FetchRequest.ts';
import type {
  GetManifestRequest,
  GetManifestRequest__Output,
} from './gen/blockpruner/v1/GetManifestRequest.ts';
import type { ManifestReply, ManifestReply__Output } from './gen/blockpruner/v1/ManifestReply.ts';
import { AS_BYTES, loadProto, messageType } from './proto-file.ts';

const definitions = loadProto('blockpruner/v1/artifact.proto');

export const manifestRequestType = messageType<GetManifestRequest, GetManifestRequest__Output>(
  definitions,
  'GetManifestRequest',
);
export const manifestReplyType = messageType<ManifestReply, ManifestReply__Output>(
  definitions,
  'ManifestReply',
);
export const fetchRequestType = messageType<FetchRequest, FetchRequest__Output>(definitions, 'FetchRequest');
export const fetchReplyType = messageType<FetchReply, FetchReply__Output>(definitions, 'FetchReply');

const { GetManifest, Fetch } = definitions['blockpruner.v1.Artifacts'] as ServiceDefinition;
const STREAMED = { requestStream: false, responseStream: true, ...AS_BYTES } as const;

/** The service as gRPC sees it. */
export const ARTIFACT_SERVICE = {
  GetManifest: { path: GetManifest.path, ...STREAMED },
  Fetch: { path: Fetch.path, ...STREAMED },
} as const;
