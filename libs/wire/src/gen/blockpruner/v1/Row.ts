// Original file: ../../proto/blockpruner/v1/sweep.proto


export interface Row {
  'index'?: (number);
  'tokenIds'?: (number)[];
}

export interface Row__Output {
  'index': (number);
  'tokenIds': (number)[];
}
