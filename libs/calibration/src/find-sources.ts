import type { Dirent } from 'node:fs';
import { glob, opendir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CalibrationError } from './calibration-error.ts';
import { MAX_FOLDER_ENTRIES, MAX_SOURCES } from './limits.ts';
import { fileError } from './source-file.ts';
import { extensionOf, EXTENSIONS_IN_WORDS, formatOf } from './source-format.ts';

const GLOB_CHARACTERS = /[*?[\]{}()!]/;

/**
 * The calibration files that a path stands for: a file, a folder (every file of a known extension below it,
 * links to files included, hidden ones and links to folders left out), or a glob. Absolute paths in byte order.
 * @throws CalibrationError when nothing is there, no file has a known extension, or there are too many
 */
export async function findSources(given: string): Promise<string[]> {
  const found = new FoundSources(given);
  const kind = await kindOf(given);
  if (kind === 'folder') await walk(resolve(given), found);
  else if (kind === 'file') found.add(resolve(given));
  else if (GLOB_CHARACTERS.test(given)) await match(given, found);
  else throw new CalibrationError('file', `${given}: no such file or folder`);
  return found.sorted();
}

async function kindOf(path: string): Promise<'folder' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'nothing';
    throw fileError(path, error);
  }
}

async function walk(folder: string, found: FoundSources): Promise<void> {
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    try {
      for await (const entry of await opendir(next)) {
        found.countEntry();
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory()) waiting.push(join(next, entry.name));
        else await addFile(join(next, entry.name), entry, found);
      }
    } catch (error) {
      throw fileError(next, error);
    }
  }
}

async function match(pattern: string, found: FoundSources): Promise<void> {
  try {
    for await (const entry of glob(pattern, { withFileTypes: true })) {
      found.countEntry();
      if (!entry.isDirectory()) await addFile(join(resolve(entry.parentPath), entry.name), entry, found);
    }
  } catch (error) {
    throw fileError(pattern, error);
  }
}

async function addFile(path: string, entry: Dirent, found: FoundSources): Promise<void> {
  if (entry.isFile()) found.add(path);
  else if (entry.isSymbolicLink() && formatOf(path) !== null && (await kindOf(path)) !== 'folder') {
    // A link to nothing is kept: to read it says what is wrong, to leave it out would be silent.
    found.add(path);
  }
}

class FoundSources {
  private readonly given: string;
  private readonly paths = new Set<string>();
  private readonly otherExtensions = new Set<string>();
  private entries = 0;

  constructor(given: string) {
    this.given = given;
  }

  countEntry(): void {
    this.entries++;
    if (this.entries > MAX_FOLDER_ENTRIES) {
      throw new CalibrationError(
        'limit',
        `${this.given}: more than ${MAX_FOLDER_ENTRIES} files and folders; name a narrower folder or a glob`,
      );
    }
  }

  add(path: string): void {
    if (formatOf(path) === null) {
      if (this.otherExtensions.size < 8) this.otherExtensions.add(extensionOf(path).slice(0, 16) || 'none');
      return;
    }
    this.paths.add(path);
    if (this.paths.size > MAX_SOURCES) {
      throw new CalibrationError(
        'limit',
        `${this.given}: more than ${MAX_SOURCES} files; give a part of them`,
      );
    }
  }

  sorted(): string[] {
    if (this.paths.size > 0) {
      return [...this.paths]
        .map((path) => ({ path, bytes: Buffer.from(path) }))
        .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
        .map(({ path }) => path);
    }
    if (this.otherExtensions.size === 0) {
      throw new CalibrationError('file', `${this.given}: no file is there`);
    }
    throw new CalibrationError(
      'file',
      `${this.given}: no file of a known extension (seen: ${[...this.otherExtensions].join(', ')}); known are ${EXTENSIONS_IN_WORDS}`,
    );
  }
}
