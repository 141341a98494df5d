/**
 * Models and datasets by their names on the Hugging Face hub: the same environment variables and the same cache on
 * disk as the Python client, downloads that resume and are verified, and an answer from the cache without a network.
 */
export { fetchDataset } from './fetch-dataset.ts';
export { fetchModel } from './fetch-model.ts';
export type { HubProgress } from './file-downloads.ts';
export { HubError } from './hub-error.ts';
export type { HubSettings } from './hub-settings.ts';
export { resolveHubSettings } from './hub-settings.ts';
export { isCommit, parseDatasetReference, parseModelReference } from './reference.ts';
export type { DatasetReference, ModelReference } from './reference.ts';
