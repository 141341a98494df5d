// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Ready {
  'modelFingerprint'?: (string);
}

export interface Ready__Output {
  'modelFingerprint': (string);
}
