import { describe, expect, it } from 'vitest';
import { formatTable } from './table.ts';

interface Line {
  readonly block: string;
  readonly score: number;
}

const columns = [
  { title: 'block', value: (line: Line) => line.block },
  { title: 'score', value: (line: Line) => line.score },
];

describe('formatTable', () => {
  it('aligns strings left and numbers right, as Markdown and as plain text', () => {
    const rows = [
      { block: 'mha.3', score: 2.5 },
      { block: 'mlp.12', score: 33.125 },
    ];
    expect(formatTable(rows, columns).split('\n')).toEqual([
      '| block  |  score |',
      '| ------ | -----: |',
      '| mha.3  |    2.5 |',
      '| mlp.12 | 33.125 |',
    ]);
  });

  it('keeps a cell on its line and in its column', () => {
    const [, , row] = formatTable([{ block: 'a|b\r\nc', score: 1 }], columns).split('\n');
    expect(row).toBe('| a\\|b c |     1 |');
  });

  it('is a head alone without rows', () => {
    expect(formatTable([], columns)).toBe('| block | score |\n| ----- | ----- |');
  });
});
