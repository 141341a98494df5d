import { open, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runPath } from '../test/example-run.ts';
import { MAX_LINE_BYTES } from './journal-line.ts';
import { readLines, type Line } from './read-lines.ts';

async function linesOf(content: string): Promise<Line[]> {
  const path = runPath();
  await writeFile(path, content);
  const file = await open(path, 'r');
  const lines: Line[] = [];
  for await (const line of readLines(file)) lines.push(line);
  await file.close();
  return lines;
}

describe('readLines', () => {
  it('gives number, start and bytes of each line, and says that the last one is torn', async () => {
    const lines = await linesOf('ab\n\nß\ntorn');
    expect(lines.map(({ number, start, bytes, whole }) => [number, start, bytes?.toString(), whole])).toEqual(
      [
        [1, 0, 'ab', true],
        [2, 3, '', true],
        [3, 4, 'ß', true],
        [4, 7, 'torn', false],
      ],
    );
  });

  it('joins a line that is longer than one read', async () => {
    const long = 'x'.repeat(2 ** 21 + 5);
    const lines = await linesOf(`a\n${long}\nb\n`);
    expect(lines.map(({ start, bytes }) => [start, bytes?.length])).toEqual([
      [0, 1],
      [2, long.length],
      [3 + long.length, 1],
    ]);
  });

  it('does not hold a line over the limit, and goes on behind it', async () => {
    const lines = await linesOf(`${'x'.repeat(MAX_LINE_BYTES)}\nb\n`);
    expect(lines.map(({ start, bytes }) => [start, bytes?.toString()])).toEqual([
      [0, undefined],
      [MAX_LINE_BYTES + 1, 'b'],
    ]);
  });

  it('finds no line in an empty file', async () => {
    expect(await linesOf('')).toEqual([]);
  });
});
