import type { BlockType } from '@blockpruner/blocks';
import type { TextName } from './calibration-rows.ts';
import { UsageError } from './options.ts';

/** A search that strategies are compared on. */
export interface SearchSet {
  readonly name: string;
  readonly text: TextName;
  readonly rowCount: number;
  readonly rowTokens: number;
  /** Blocks that go. */
  readonly remove: number;
  readonly blockType: BlockType;
}

const SETS: readonly SearchSet[] = [
  { name: 'book16', text: 'book', rowCount: 16, rowTokens: 256, remove: 12, blockType: 'mix' },
  { name: 'book64', text: 'book', rowCount: 64, rowTokens: 256, remove: 4, blockType: 'mix' },
  { name: 'speeches16', text: 'speeches', rowCount: 16, rowTokens: 256, remove: 4, blockType: 'mix' },
  { name: 'code16', text: 'code', rowCount: 16, rowTokens: 256, remove: 4, blockType: 'mix' },
  { name: 'book16-mha', text: 'book', rowCount: 16, rowTokens: 256, remove: 4, blockType: 'mha' },
  { name: 'book16-mlp', text: 'book', rowCount: 16, rowTokens: 256, remove: 4, blockType: 'mlp' },
  { name: 'random6', text: 'random', rowCount: 6, rowTokens: 32, remove: 2, blockType: 'mix' },
];

/** Those that are measured where none is named. */
export const REAL_SETS = SETS.filter(({ text }) => text !== 'random').map(({ name }) => name);

/** @throws UsageError that lists the names there are */
export function searchSet(name: string): SearchSet {
  const found = SETS.find((set) => set.name === name);
  if (found) return found;
  throw new UsageError(`--sets has no "${name}": name some of ${SETS.map((set) => set.name).join(', ')}`);
}
