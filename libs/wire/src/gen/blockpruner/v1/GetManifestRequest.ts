// Original file: ../../proto/blockpruner/v1/artifact.proto


export interface GetManifestRequest {
  'fingerprint'?: (string);
}

export interface GetManifestRequest__Output {
  'fingerprint': (string);
}
