import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** The text of a page, by its path from the root of the repository. */
export const page = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The cells of the first table below a text of the page, without its head. */
export function table(file: string, above: string): string[][] {
  const below = page(file).slice(page(file).indexOf(above));
  const lines =
    below
      .match(/(?:^\|.*\n)+/m)?.[0]
      .trimEnd()
      .split('\n') ?? [];
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands between backquotes. */
export const codes = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
