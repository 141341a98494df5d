// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Cancel {
  'taskId'?: (string);
}

export interface Cancel__Output {
  'taskId': (string);
}
