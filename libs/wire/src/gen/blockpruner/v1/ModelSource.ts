// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface ModelSource {
  'path'?: (string);
  'fingerprint'?: (string);
}

export interface ModelSource__Output {
  'path': (string);
  'fingerprint': (string);
}
