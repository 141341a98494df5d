// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { FetchWaiting as _blockpruner_v1_FetchWaiting, FetchWaiting__Output as _blockpruner_v1_FetchWaiting__Output } from '../../blockpruner/v1/FetchWaiting.ts';

export interface FetchReply {
  'waiting'?: (_blockpruner_v1_FetchWaiting | null);
  'data'?: (Buffer | Uint8Array | string);
  'kind'?: "waiting"|"data";
}

export interface FetchReply__Output {
  'waiting'?: (_blockpruner_v1_FetchWaiting__Output | null);
  'data'?: (Buffer);
  'kind'?: "waiting"|"data";
}
