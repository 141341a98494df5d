// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Refused {
  'reason'?: (string);
}

export interface Refused__Output {
  'reason': (string);
}
