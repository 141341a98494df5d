// Original file: ../../proto/blockpruner/v1/fleet.proto


export interface Heartbeat {
}

export interface Heartbeat__Output {
}
