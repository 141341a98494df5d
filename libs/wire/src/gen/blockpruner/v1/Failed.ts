// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Failed {
  'reason'?: (string);
}

export interface Failed__Output {
  'reason': (string);
}
