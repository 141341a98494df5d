// Original file: ../../proto/blockpruner/v1/sweep.proto


export interface Cell {
  'mask'?: (number)[];
  'candidate'?: (number);
  'row'?: (number);
  'windowSums'?: (number | string)[];
  '_candidate'?: "candidate";
}

export interface Cell__Output {
  'mask': (number)[];
  'candidate'?: (number);
  'row': (number);
  'windowSums': (number)[];
  '_candidate'?: "candidate";
}
