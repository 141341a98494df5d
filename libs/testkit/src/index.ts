/**
 * What tests share: tiny random models and the numbers that transformers computes for them, the golden
 * numbers of a real model, certificates, and temporary folders, ports, waiting and process trees. Never shipped.
 * numbers of a real model, a bad network, and temporary folders, ports, waiting and process trees. Never shipped.
 */
export { CertificateAuthority } from './certificate-authority.ts';
export type { CertificateFiles } from './certificate-authority.ts';
export { freePort } from './free-port.ts';
export { startHubStandIn } from './hub-stand-in.ts';
export { limitAddressSpace } from './limit-address-space.ts';
export { allows, OWN_MOUNTS, OWN_PROCESSES } from './own-namespaces.ts';
export { descendants, processExists } from './process-tree.ts';
export { SimulatedSearch } from './simulation/simulated-search.ts';
export type { Outcome, Scenario, WorkerModel } from './simulation/scenario.ts';
export { randomOf } from './simulation/random.ts';
export { smollm2Golden } from './smollm2-golden.ts';
export { CHECKPOINT_CACHE, SMOLLM2_GGUF } from './smollm2-model.ts';
export { smollm2RemovalOrder } from './smollm2-removal-order.ts';
export { TcpFaultProxy } from './tcp-fault-proxy.ts';
export { temporaryFolder } from './temporary-folder.ts';
export type { TemporaryFolder } from './temporary-folder.ts';
export { writeTinyModel } from './tiny-model.ts';
export { tinyModelReference } from './tiny-model-reference.ts';
export type { TinyModelReference } from './tiny-model-reference.ts';
export type { TinyModelSpec } from './tiny-model-spec.ts';
export { TINY_MODELS, tinyReferenceRows, tinyRows } from './tiny-models.ts';
export type { TinyModelName } from './tiny-models.ts';
export { waitFor } from './wait-for.ts';
