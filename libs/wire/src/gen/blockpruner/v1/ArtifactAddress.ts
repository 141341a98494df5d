// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface ArtifactAddress {
  'port'?: (number);
  'host'?: (string);
  '_host'?: "host";
}

export interface ArtifactAddress__Output {
  'port': (number);
  'host'?: (string);
  '_host'?: "host";
}
