// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Draining {
  'taskId'?: (string);
  'reason'?: (string);
}

export interface Draining__Output {
  'taskId': (string);
  'reason': (string);
}
