// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Drain {
}

export interface Drain__Output {
}
