import type { Subject } from './hub-answer.ts';
import type { HubProgress } from './file-downloads.ts';
import type { Hub } from './hub-request.ts';
import type { HubSettings } from './hub-settings.ts';
import { selectGguf, selectModel } from './model-files.ts';
import type { ModelReference } from './reference.ts';
import { PATIENCE } from './retries.ts';
import { fetchSnapshot } from './snapshot.ts';

/** A model in the cache. */
export interface FetchedModel {
  /** The snapshot folder, or the .gguf file in it: the first part of a split one. Absolute. */
  readonly path: string;
  readonly commit: string;
  /** A reference to the same bytes for all time. */
  readonly pinned: string;
  /** What the user should know, such as that the hub could not be reached; or null. */
  readonly note: string | null;
}

/**
 * Fetches a model's files in Hugging Face format, or one GGUF file with its parts, into the cache.
 * @throws HubError
 */
export function fetchModel(
  reference: ModelReference,
  settings: HubSettings,
  onProgress?: HubProgress,
): Promise<FetchedModel> {
  return fetchModelFrom({ settings, patience: PATIENCE }, reference, onProgress);
}

/** `fetchModel` with the patience of the caller. */
export async function fetchModelFrom(
  hub: Hub,
  { repository, revision, file }: ModelReference,
  onProgress?: HubProgress,
): Promise<FetchedModel> {
  const subject: Subject = { kind: 'model', repository, revision };
  const select = file === null ? selectModel(subject) : selectGguf(subject, file);
  const { folder, files, commit, note } = await fetchSnapshot(hub, subject, select, onProgress);
  return file === null
    ? { path: folder, commit, pinned: `${repository}@${commit}`, note }
    : { path: files[0], commit, pinned: `${repository}/${file}@${commit}`, note };
}
