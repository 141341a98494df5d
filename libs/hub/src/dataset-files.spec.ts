import { describe, expect, it } from 'vitest';
import { selectSplit } from './dataset-files.ts';
import { HubError } from './hub-error.ts';

const subject = { kind: 'dataset', repository: 'org/name', revision: 'main' } as const;
const select = async (split: string, ...paths: string[]): Promise<readonly string[]> =>
  (await selectSplit(subject, split)(new Set(paths), () => Promise.reject(new Error('nothing is read'))))
    .files;

async function errorOf(split: string, ...paths: string[]): Promise<string> {
  try {
    return `selected ${(await select(split, ...paths)).join()}`;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return error.message;
  }
}

describe('selectSplit', () => {
  it('finds shards by their names, with splits of any name', async () => {
    const paths = [
      'data/train-00001-of-00002.parquet',
      'data/train-00000-of-00002-a09b74b3ef9c3b56.parquet',
      'data/random-00000-of-00001.parquet',
      'README.md',
      'extra/train.jsonl',
    ];
    expect(await select('train', ...paths)).toEqual([paths[1], paths[0]]);
    expect(await select('random', ...paths)).toEqual([paths[2]]);
    expect(await errorOf('test', ...paths)).toContain('only random, train');
  });

  it('finds splits by words in folder names before words in file names', async () => {
    const paths = ['train/a.jsonl', 'my-valid 2/b.jsonl', 'test.jsonl'];
    expect(await select('train', ...paths)).toEqual(['train/a.jsonl']);
    expect(await select('validation', ...paths)).toEqual(['my-valid 2/b.jsonl']);
    expect(await errorOf('test', ...paths)).toContain('only train, validation');
  });

  it('finds splits by words in file names', async () => {
    const paths = [
      'x_train.json',
      'dev.json',
      'b/testing-1.json',
      'training.json',
      'trainer.json',
      'constrained.json',
    ];
    expect(await select('train', 'x_train.json', 'training.json', ...paths)).toEqual([
      'training.json',
      'x_train.json',
    ]);
    expect(await select('validation', ...paths)).toEqual(['dev.json']);
    expect(await select('test', ...paths)).toEqual(['b/testing-1.json']);
  });

  it.each(['validation', 'valid', 'val', 'dev'])('takes %s for validation', async (word) => {
    expect(await select(word, 'valid.txt', 'train.txt')).toEqual(['valid.txt']);
  });

  it('takes everything for train when no name has a split', async () => {
    expect(await select('train', 'b.txt', 'a.txt', 'README.md', '.hidden/c.txt', '__x__/d.txt')).toEqual([
      'a.txt',
      'b.txt',
    ]);
    expect(await errorOf('test', 'a.txt')).toContain('only train');
  });

  it('takes compressed files', async () => {
    const paths = ['train.jsonl.gz', 'train.json.zst', 'train_2.jsonl'];
    expect(await select('train', ...paths)).toEqual([...paths].sort());
  });

  it('takes the commonest of several formats', async () => {
    expect(await select('train', 'a.parquet', 'LICENSE.txt', 'NOTICE.md', 'b.parquet', 'c.jsonl')).toEqual([
      'a.parquet',
      'b.parquet',
    ]);
    expect(await select('train', 'a.jsonl', 'LICENSE.txt')).toEqual(['a.jsonl']);
    expect(await select('train', 'a.parquet', 'a.jsonl')).toEqual(['a.parquet']);
  });

  it('refuses files that no reader takes, and names one', async () => {
    expect(await errorOf('train', 'train.csv', 'test.csv')).toContain('train.csv');
    expect(await errorOf('train', 'README.md', 'loader.py')).toContain('has no data file');
    expect(await errorOf('train')).toContain('has no data file');
  });

  it('refuses several configurations at once, but not a split in several folders of its own', async () => {
    expect(await errorOf('train', 'en/train.jsonl', 'de/train.jsonl')).toContain('de, en');
    expect(await select('train', 'train_1/a.txt', 'train_2/a.txt', 'test/a.txt')).toEqual([
      'train_1/a.txt',
      'train_2/a.txt',
    ]);
    expect(await select('train', 'data/train/a.txt', 'data/train/b.txt')).toEqual([
      'data/train/a.txt',
      'data/train/b.txt',
    ]);
  });

  it('is quick with as many files as a repository may have', async () => {
    const paths = Array.from(
      { length: 100_000 },
      (_, i) => `data/train-${String(i % 1e5).padStart(5, '0')}-of-99999.parquet`,
    );
    expect((await select('train', ...paths)).length).toBe(100_000);
  }, 5000);
});
