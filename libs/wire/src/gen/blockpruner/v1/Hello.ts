// Original file: ../../proto/blockpruner/v1/fleet.proto

import type { Long } from '@grpc/proto-loader';

export interface Hello {
  'protocolMin'?: (number);
  'protocolMax'?: (number);
  'workerId'?: (string);
  'name'?: (string);
  'numericClass'?: (string);
  'device'?: (string);
  'memoryBytes'?: (number | string | Long);
  'threads'?: (number);
  'version'?: (string);
}

export interface Hello__Output {
  'protocolMin': (number);
  'protocolMax': (number);
  'workerId': (string);
  'name': (string);
  'numericClass': (string);
  'device': (string);
  'memoryBytes': (number);
  'threads': (number);
  'version': (string);
}
