// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Leaving {
  'reason'?: (string);
}

export interface Leaving__Output {
  'reason': (string);
}
