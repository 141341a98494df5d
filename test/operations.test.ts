import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = globSync('{apps,libs}/*/src/**/*.ts', { cwd: ROOT, exclude: ['**/*.spec.ts', '**/gen/**'] });

/** All sources, with texts that are cut over several lines put together. */
const source = SOURCES.map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n')
  .replaceAll(/['`] \+\s+['`]/g, '');

/** Second column of every table of the page: what one sees. */
const seen = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (---|what happens)/.test(line))
  .map((line) => line.split('|')[2]);
const quoted = seen.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text));

/** The parts of a quoted line that are the same every time. */
function fixedParts(text: string): string[] {
  const field = /^"(\w+)":"(\w+)"$/.exec(text);
  return (field ? field.slice(1) : text.split('…')).map(bare).filter((part) => part.length > 2);
}

function bare(part: string): string {
  return part.replaceAll(/^[\s:;,]+|[\s:;,]+$/g, '');
}

/** Whether it stands in a source; an event's kind is logged as words. */
function isWritten(part: string): boolean {
  return source.includes(part) || source.includes(`'${part.replaceAll(' ', '-')}'`);
}

/** Whether it stands there, at most in two pieces: one that the other is put into. */
function isSaid(part: string): boolean {
  const words = part.split(' ');
  const cuts = words.map((_, i) => [words.slice(0, i), words.slice(i)].map((piece) => bare(piece.join(' '))));
  return isWritten(part) || cuts.slice(1).some((pieces) => pieces.every(isWritten));
}

it('docs/operations.md quotes only what the programs say', () => {
  expect(quoted.length).toBeGreaterThan(30);
  expect(quoted.filter((text) => fixedParts(text).length === 0)).toEqual([]);
  expect(quoted.flatMap(fixedParts).filter((part) => !isSaid(part))).toEqual([]);
});
