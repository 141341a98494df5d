// Original file: ../../proto/blockpruner/v1/artifact.proto

import type { ArtifactFile as _blockpruner_v1_ArtifactFile, ArtifactFile__Output as _blockpruner_v1_ArtifactFile__Output } from '../../blockpruner/v1/ArtifactFile.ts';

export interface Manifest {
  'chunkBytes'?: (number);
  'entry'?: (string);
  'files'?: (_blockpruner_v1_ArtifactFile)[];
  '_entry'?: "entry";
}

export interface Manifest__Output {
  'chunkBytes': (number);
  'entry'?: (string);
  'files': (_blockpruner_v1_ArtifactFile__Output)[];
  '_entry'?: "entry";
}
