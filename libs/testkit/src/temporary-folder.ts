import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder that the test removes itself. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes the folder with all that is in it; a second call does nothing. */
  remove(): void;
}

/** Makes an empty folder under the system's temporary folder. */
export function temporaryFolder(): TemporaryFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'blockpruner-'));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
