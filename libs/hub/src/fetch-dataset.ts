import { selectSplit } from './dataset-files.ts';
import type { HubProgress } from './file-downloads.ts';
import type { Subject } from './hub-answer.ts';
import type { Hub } from './hub-request.ts';
import type { HubSettings } from './hub-settings.ts';
import type { DatasetReference } from './reference.ts';
import { PATIENCE } from './retries.ts';
import { fetchSnapshot } from './snapshot.ts';

/** The files of one split of a dataset in the cache. */
export interface FetchedDataset {
  /** Absolute paths, sorted. */
  readonly files: string[];
  readonly commit: string;
  /** A reference to the same bytes for all time. */
  readonly pinned: string;
  /** What the user should know, such as that the hub could not be reached; or null. */
  readonly note: string | null;
}

/**
 * Fetches the files of one split into the cache.
 * @throws HubError
 */
export function fetchDataset(
  reference: DatasetReference,
  settings: HubSettings,
  onProgress?: HubProgress,
): Promise<FetchedDataset> {
  return fetchDatasetFrom({ settings, patience: PATIENCE }, reference, onProgress);
}

/** `fetchDataset` with the patience of the caller. */
export async function fetchDatasetFrom(
  hub: Hub,
  { repository, revision, split }: DatasetReference,
  onProgress?: HubProgress,
): Promise<FetchedDataset> {
  const subject: Subject = { kind: 'dataset', repository, revision };
  const { files, commit, note } = await fetchSnapshot(hub, subject, selectSplit(subject, split), onProgress);
  return { files: [...files], commit, pinned: `hf:${repository}@${commit}:${split}`, note };
}
