import { MAX_ROW_GROUP_BYTES, MAX_ROW_GROUP_VALUES } from './limits.ts';
import { readThriftStruct, type ThriftStruct } from './thrift-struct.ts';

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;

/** What the pages of a column chunk say they hold. */
export interface PageTotals {
  readonly uncompressedBytes: number;
  /** Values with nulls, the dictionary's left out. */
  readonly values: number;
}

/**
 * Walks the page headers of a column chunk, whose sizes a decoder allocates before it looks at the pages.
 * @throws Error when they are not pages, do not fit the chunk, or are larger than any row group may be
 */
export function measurePages(chunk: Buffer): PageTotals {
  let uncompressedBytes = 0;
  let values = 0;
  // As in hyparquet, a single byte at the end is no page.
  for (let at = 0; at < chunk.length - 1;) {
    const { struct, end } = readThriftStruct(chunk, at);
    const uncompressed = integer(struct, 2, MAX_ROW_GROUP_BYTES, 'uncompressed_page_size');
    const compressed = integer(struct, 3, chunk.length - end, 'compressed_page_size');
    uncompressedBytes += uncompressed;
    const type = struct.get(1);
    if (type === DATA_PAGE) values += integer(inner(struct, 5), 1, MAX_ROW_GROUP_VALUES, 'num_values');
    else if (type === DATA_PAGE_V2)
      values += checkPageV2(inner(struct, 8), Math.min(compressed, uncompressed));
    else if (type === DICTIONARY_PAGE) {
      integer(inner(struct, 7), 1, Math.min(MAX_ROW_GROUP_VALUES, 8 * uncompressed), 'num_values');
    } else throw new Error('a page of an unknown type');
    at = end + compressed;
  }
  return { uncompressedBytes, values };
}

function checkPageV2(header: ThriftStruct, pageBytes: number): number {
  const values = integer(header, 1, MAX_ROW_GROUP_VALUES, 'num_values');
  integer(header, 2, values, 'num_nulls');
  integer(header, 3, values, 'num_rows');
  const definition = integer(header, 5, pageBytes, 'definition_levels_byte_length');
  integer(header, 6, pageBytes - definition, 'repetition_levels_byte_length');
  return values;
}

function inner(struct: ThriftStruct, field: number): ThriftStruct {
  const value = struct.get(field);
  if (value === undefined || typeof value === 'number') throw new Error('a page without its header');
  return value;
}

function integer(struct: ThriftStruct, field: number, highest: number, name: string): number {
  const value = struct.get(field);
  if (typeof value !== 'number' || value < 0 || value > highest) {
    throw new Error(
      `${name} of a page is ${typeof value === 'number' ? value : 'missing'}, not from 0 to ${highest}`,
    );
  }
  return value;
}
