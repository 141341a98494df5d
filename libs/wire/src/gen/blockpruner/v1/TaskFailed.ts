// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface TaskFailed {
  'taskId'?: (string);
  'reason'?: (string);
  'retryable'?: (boolean);
}

export interface TaskFailed__Output {
  'taskId': (string);
  'reason': (string);
  'retryable': (boolean);
}
