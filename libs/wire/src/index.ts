/**
 * The protocol between coordinator and workers over gRPC: messages as domain types, their limits, the
 * coordinator's server and the worker's client, the server and the client of artifacts, health. The only lib that knows of gRPC; it schedules nothing.
 */
export { parseTokens, tokenFile, tokenFileWarning } from './access-token.ts';
export { formatAddress, isLoopback, parseAddress, parseListenAddress } from './address.ts';
export type { Address } from './address.ts';
export { ArtifactClient } from './artifact-client.ts';
export { ArtifactServer } from './artifact-server.ts';
export { FleetClient } from './client.ts';
export type { CloseReason, FleetClientHandlers } from './client.ts';
export { probeHealth } from './health-probe.ts';
export { HealthServer } from './health-server.ts';
export { listenError } from './listen-error.ts';
export { checkServerTls } from './listener.ts';
export type {
  ArtifactAddress,
  CoordinatorMessage,
  Hello,
  Welcome,
  WireTask,
  WorkerMessage,
} from './message.ts';
export { dialParameters } from './client-credentials.ts';
export { PROTOCOL_VERSION } from './protocol-version.ts';
export { FleetServer } from './server.ts';
export type { ClientSecurity, ClientTls, ServerSecurity, ServerTls } from './security.ts';
export { WireError } from './wire-error.ts';
export type { FleetServerHandlers, WorkerConnection } from './worker-stream.ts';
