import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '@blockpruner/whole-file';
import { ArtifactError } from './artifact-error.ts';
import { isSafeName } from './artifact-name.ts';
import type { ArtifactFile, Manifest } from './manifest.ts';

const MODEL_FOLDER = /^[0-9a-f]{64}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** What the cache knows of a model: enough to lay it out again, and to tell which blobs it needs. */
export interface CachedModel {
  readonly entry: string | null;
  readonly files: readonly Pick<ArtifactFile, 'name' | 'sizeBytes' | 'sha256'>[];
}

/**
 * The folders of the cache: `artifacts/<sha256>` holds each content once, `models/<fingerprint>/files/` the names of
 * a model's files as links to them, `models/<fingerprint>/model.json` the list of them.
 */
export class CacheFolders {
  readonly artifacts: string;
  readonly models: string;

  constructor(cacheFolder: string) {
    this.artifacts = join(cacheFolder, 'artifacts');
    this.models = join(cacheFolder, 'models');
  }

  /** Guards the list of models, and who uses which. */
  get lock(): string {
    return join(this.artifacts, 'cache.lock');
  }

  blob(sha256: string): string {
    return join(this.artifacts, sha256);
  }

  model(folder: string): string {
    return join(this.models, folder);
  }

  /** Locks of the processes that use the model. */
  uses(folder: string): string {
    return join(this.models, folder, 'in-use');
  }

  list(folder: string): string {
    return join(this.models, folder, 'model.json');
  }

  async create(): Promise<void> {
    await mkdir(this.artifacts, { recursive: true });
    await mkdir(this.models, { recursive: true });
  }

  async isWhole({ sha256, sizeBytes }: Pick<ArtifactFile, 'sha256' | 'sizeBytes'>): Promise<boolean> {
    const stats = await stat(this.blob(sha256)).catch(() => null);
    return stats !== null && stats.isFile() && stats.size === sizeBytes;
  }

  /** Null where there is no such model, or its list is damaged. */
  async readModel(folder: string): Promise<CachedModel | null> {
    if (!MODEL_FOLDER.test(folder)) return null;
    try {
      const { entry, files } = JSON.parse(await readFile(this.list(folder), 'utf8')) as CachedModel;
      const isSound = files.every(
        ({ name, sizeBytes, sha256 }) =>
          isSafeName(name) && SHA256.test(sha256) && Number.isSafeInteger(sizeBytes),
      );
      const hasEntry = entry === null || files.some(({ name }) => name === entry);
      return isSound && hasEntry ? { entry, files } : null;
    } catch {
      return null;
    }
  }

  /** @throws ArtifactError when a name leads elsewhere; nothing is written then */
  async writeModel(folder: string, { entry, files }: Manifest): Promise<void> {
    const odd = files.find(({ name }) => !isSafeName(name));
    if (odd) {
      throw new ArtifactError(
        'damaged',
        `the coordinator's list of files has the name ${JSON.stringify(odd.name)}`,
      );
    }
    await mkdir(this.model(folder), { recursive: true });
    const names = files.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 }));
    await writeWhole(this.list(folder), JSON.stringify({ entry, files: names }));
  }

  /** Gives the blobs their names. @returns the path that is opened as the model */
  async layOut(folder: string, { entry, files }: CachedModel): Promise<string> {
    const path = join(this.model(folder), 'files');
    await mkdir(path, { recursive: true });
    for (const { name, sha256 } of files) {
      await link(join('..', '..', '..', 'artifacts', sha256), join(path, name));
    }
    return entry === null ? path : join(path, entry);
  }
}

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => null)) === target) return;
  const incomplete = `${path}.incomplete-${randomBytes(4).toString('hex')}`;
  try {
    await symlink(target, incomplete);
    await rename(incomplete, path);
  } finally {
    await rm(incomplete, { force: true });
  }
}
