import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetScan, parquetSchema, type ColumnChunk, type FileMetaData, type RowGroup } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_RECORD_BYTES, MAX_ROW_GROUP_BYTES, MAX_ROW_GROUP_VALUES } from './limits.ts';
import { readParquetFooter, type FileBytes } from './parquet-footer.ts';
import { measurePages } from './parquet-pages.ts';
import { STRICT_PARSERS, toPlainValue } from './parquet-values.ts';

/** Columns that rows can be made of when none is named. */
const COLUMNS_THAT_MATTER = [
  'text',
  'instruction',
  'input',
  'output',
  'messages',
  'conversations',
  'input_ids',
  'attention_mask',
];

const BATCH_BYTES = 2 ** 20;

/** Rows that follow one another. */
export interface RowBatch {
  /** From 0, of the first row. */
  readonly firstRow: number;
  readonly rows: readonly Record<string, unknown>[];
  /** Bytes of the file behind these rows and all before them. */
  readonly doneBytes: number;
}

/**
 * The rows of a Parquet file as plain objects, a row group in memory at a time: the named column, or those that rows
 * can be made of, or, where there is none of them, every column of strings.
 * @throws CalibrationError when the file is not what it must be
 */
export async function* readParquetRows(file: FileBytes, textColumn: string | null): AsyncGenerator<RowBatch> {
  const metadata = await guarded(file, 'not a valid Parquet file', () => readParquetFooter(file));
  const columns = chooseColumns(metadata, file, textColumn);
  if (metadata.num_rows === 0n) throw new CalibrationError('format', `${file.path}: the file has no rows`);
  let firstRow = 0;
  let doneBytes = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    const values = await guarded(file, `row group ${i} is not valid`, () =>
      readGroup(file, metadata, i, columns),
    );
    doneBytes += group.columns.reduce(
      (sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size ?? 0),
      0,
    );
    yield* toBatches(file, columns, values, { firstRow, doneBytes });
    firstRow += Number(group.num_rows);
  }
}

async function guarded<T>(file: FileBytes, what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    throw new CalibrationError('format', `${file.path}: ${what}: ${quoteCause(error)}`, { cause: error });
  }
}

function chooseColumns(metadata: FileMetaData, { path }: FileBytes, textColumn: string | null): string[] {
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => element.name);
  if (textColumn !== null) {
    if (names.includes(textColumn)) return [textColumn];
    throw new CalibrationError(
      'options',
      `${path}: no column ${JSON.stringify(textColumn).slice(0, 60)}; it has ${names.join(', ').slice(0, 200)}`,
    );
  }
  const known = COLUMNS_THAT_MATTER.filter((name) => names.includes(name));
  if (known.length > 0) return known;
  const strings = children.filter(
    ({ element }) => element.converted_type === 'UTF8' || element.logical_type?.type === 'STRING',
  );
  if (strings.length > 0) return strings.map(({ element }) => element.name);
  throw new CalibrationError(
    'format',
    `${path}: no column of text, messages or token ids; it has ${names.join(', ').slice(0, 200)}`,
  );
}

type ColumnValues = ArrayLike<unknown>;

async function readGroup(
  file: FileBytes,
  metadata: FileMetaData,
  index: number,
  columns: readonly string[],
): Promise<ColumnValues[]> {
  const group = metadata.row_groups[index];
  const rowCount = Number(group.num_rows);
  if (rowCount === 0) return columns.map(() => []);
  const flat = new Set(
    parquetSchema(metadata)
      .children.filter(
        ({ children, element }) => children.length === 0 && element.repetition_type !== 'REPEATED',
      )
      .map(({ element }) => element.name),
  );
  await checkGroup(file, group, { columns, flat }, index);
  // Of the footer only this row group, so that a read does not walk them all.
  const scan = await parquetScan({
    file: { byteLength: file.sizeBytes, slice: (start, end) => readSlice(file, start, end) },
    metadata: { ...metadata, num_rows: group.num_rows, row_groups: [group] },
    columns: [...columns],
    compressors: { ...compressors, ...boundedCompressors },
    parsers: STRICT_PARSERS,
    useOffsetIndex: false,
  });
  const values: ColumnValues[] = [];
  for (const column of columns) {
    const decoded = await scan.readColumn({ column, rowStart: 0, rowEnd: rowCount });
    if (decoded.length !== rowCount) {
      throw new Error(`column ${column} has ${decoded.length} values for ${rowCount} rows`);
    }
    // Nulls are null here: undefined is an index outside of the dictionary.
    if (flat.has(column) && Array.isArray(decoded) && decoded.includes(undefined)) {
      throw new Error(`column ${column} lacks values`);
    }
    values.push(decoded);
  }
  return values;
}

async function readSlice(file: FileBytes, start: number, end = file.sizeBytes): Promise<ArrayBuffer> {
  const bytes = await file.read(start, end);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

/** In place of those of hyparquet-compressors, which take the size from the compressed data. */
const boundedCompressors = {
  GZIP: (input: Uint8Array, length: number) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input: Uint8Array, length: number) =>
    brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (input: Uint8Array, length: number) =>
    zstdDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
};

async function checkGroup(
  file: FileBytes,
  group: RowGroup,
  { columns, flat }: { readonly columns: readonly string[]; readonly flat: ReadonlySet<string> },
  index: number,
): Promise<void> {
  let uncompressedBytes = 0;
  let values = 0;
  for (const chunk of group.columns) {
    const name = chunk.meta_data?.path_in_schema[0] ?? '';
    if (!columns.includes(name)) continue;
    const { start, end } = rangeOf(chunk, file);
    checkSize(end - start, 0);
    const pages = measurePages(await file.read(start, end));
    uncompressedBytes += pages.uncompressedBytes;
    values += pages.values;
    checkSize(uncompressedBytes, values);
    // A list has a value for each of its items, and one where it is empty.
    if (pages.values < group.num_rows || (flat.has(name) && pages.values > group.num_rows)) {
      throw new Error(`${pages.values} values in column ${name} for ${group.num_rows} rows`);
    }
  }

  function checkSize(bytes: number, count: number): void {
    if (bytes <= MAX_ROW_GROUP_BYTES && count <= MAX_ROW_GROUP_VALUES) return;
    throw new CalibrationError(
      'limit',
      `${file.path}: row group ${index} has ${bytes} bytes and ${count} values to decode, more than ` +
        `${MAX_ROW_GROUP_BYTES} or ${MAX_ROW_GROUP_VALUES}; write it with smaller row groups`,
    );
  }
}

function rangeOf(
  { meta_data, file_path, crypto_metadata }: ColumnChunk,
  file: FileBytes,
): { start: number; end: number } {
  if (file_path !== undefined && file_path !== '') throw new Error('a column in another file');
  if (meta_data === undefined || crypto_metadata !== undefined)
    throw new Error('an encrypted column; decrypt it first');
  const start = Number(meta_data.dictionary_page_offset || meta_data.data_page_offset);
  const end = start + Number(meta_data.total_compressed_size);
  if (!(start >= 4 && end >= start && end <= file.sizeBytes)) {
    throw new Error(
      `column ${meta_data.path_in_schema.join('.')} at bytes ${start} to ${end} of ${file.sizeBytes}`,
    );
  }
  return { start, end };
}

function* toBatches(
  file: FileBytes,
  columns: readonly string[],
  values: readonly ColumnValues[],
  at: { readonly firstRow: number; readonly doneBytes: number },
): Generator<RowBatch> {
  let rows: Record<string, unknown>[] = [];
  let batchBytes = 0;
  let { firstRow } = at;
  for (let i = 0; i < (values[0]?.length ?? 0); i++) {
    const { row, bytes } = toRow(file, columns, values, i, at.firstRow + i);
    rows.push(row);
    batchBytes += bytes;
    if (batchBytes < BATCH_BYTES) continue;
    yield { firstRow, rows, doneBytes: at.doneBytes };
    firstRow += rows.length;
    rows = [];
    batchBytes = 0;
  }
  if (rows.length > 0) yield { firstRow, rows, doneBytes: at.doneBytes };
}

function toRow(
  { path }: FileBytes,
  columns: readonly string[],
  values: readonly ColumnValues[],
  index: number,
  rowNumber: number,
): { row: Record<string, unknown>; bytes: number } {
  const row: Record<string, unknown> = {};
  let bytes = 0;
  for (const [i, column] of columns.entries()) {
    let plain;
    try {
      plain = toPlainValue(values[i][index]);
    } catch (error) {
      throw new CalibrationError(
        'format',
        `${path}: row ${rowNumber}, column ${column} holds ${quoteCause(error)}`,
      );
    }
    row[column] = plain.value;
    bytes += plain.bytes;
  }
  if (bytes > 2 * MAX_RECORD_BYTES) {
    throw new CalibrationError(
      'limit',
      `${path}: row ${rowNumber} takes ${bytes} bytes, more than ${2 * MAX_RECORD_BYTES}; split it`,
    );
  }
  return { row, bytes };
}
