// Original file: ../../proto/blockpruner/v1/artifact.proto


export interface FetchWaiting {
  'ahead'?: (number);
}

export interface FetchWaiting__Output {
  'ahead': (number);
}
