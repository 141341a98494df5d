// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Heartbeat {
  'taskId'?: (string);
  '_taskId'?: "taskId";
}

export interface Heartbeat__Output {
  'taskId'?: (string);
  '_taskId'?: "taskId";
}
