// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface TaskDone {
  'taskId'?: (string);
  'computeSeconds'?: (number | string);
}

export interface TaskDone__Output {
  'taskId': (string);
  'computeSeconds': (number);
}
