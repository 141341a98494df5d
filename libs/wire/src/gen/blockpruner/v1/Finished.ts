// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Finished {
}

export interface Finished__Output {
}
