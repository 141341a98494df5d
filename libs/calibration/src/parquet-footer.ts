import { parquetMetadata, type FileMetaData } from 'hyparquet';
import { CalibrationError } from './calibration-error.ts';
import { MAX_PARQUET_FOOTER_BYTES, MAX_SCHEMA_ELEMENTS } from './limits.ts';
import { readThriftStruct } from './thrift-struct.ts';

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
const TAIL_BYTES = 8;
const MAX_SCHEMA_DEPTH = 32;

/** Random access to the bytes of a file. */
export interface FileBytes {
  readonly path: string;
  readonly sizeBytes: number;
  /** @throws CalibrationError when the file does not have them */
  read(start: number, end: number): Promise<Buffer<ArrayBuffer>>;
}

/**
 * Reads the footer of a Parquet file (https://github.com/apache/parquet-format) with hyparquet, after checking all that
 * hyparquet believes.
 * @throws Error, CalibrationError among them, for what is no footer or does not fit the file
 */
export async function readParquetFooter(file: FileBytes): Promise<FileMetaData> {
  const { path, sizeBytes } = file;
  if (sizeBytes < MAGIC.length + TAIL_BYTES)
    throw new Error(`${sizeBytes} bytes are too few for a Parquet file`);
  const head = (await file.read(0, MAGIC.length)).toString('latin1');
  const tail = await file.read(sizeBytes - TAIL_BYTES, sizeBytes);
  const magic = tail.toString('latin1', 4);
  if (head === ENCRYPTED_MAGIC || magic === ENCRYPTED_MAGIC)
    throw new Error('it is encrypted; decrypt it first');
  if (head !== MAGIC) throw new Error('it does not begin with PAR1; name it by what it is');
  if (magic !== MAGIC) throw new Error('it does not end with PAR1: it was cut off; fetch it again');
  const footerBytes = tail.readUInt32LE(0);
  const room = sizeBytes - MAGIC.length - TAIL_BYTES;
  if (footerBytes > room) throw new Error(`a footer of ${footerBytes} bytes where ${room} are left`);
  if (footerBytes > MAX_PARQUET_FOOTER_BYTES) {
    throw new CalibrationError(
      'limit',
      `${path}: a footer of ${footerBytes} bytes, more than ${MAX_PARQUET_FOOTER_BYTES}; write it in several files`,
    );
  }
  const footer = await file.read(sizeBytes - TAIL_BYTES - footerBytes, sizeBytes);
  readThriftStruct(footer.subarray(0, footerBytes), 0);
  const metadata = parquetMetadata(footer, { geoparquet: false });
  checkSchema(metadata);
  checkRowCounts(metadata);
  return metadata;
}

function checkSchema({ schema }: FileMetaData): void {
  if (schema.length > MAX_SCHEMA_ELEMENTS) throw new Error(`a schema of ${schema.length} elements`);
  const missing: number[] = [];
  for (const [i, element] of schema.entries()) {
    if (i > 0) {
      if (missing.length === 0) throw new Error('a schema with elements of no parent');
      missing[missing.length - 1]--;
    }
    if ((element.num_children ?? 0) > 0) missing.push(element.num_children ?? 0);
    else if (i > 0 && element.type === undefined)
      throw new Error(`a column without a known type: ${quote(element.name)}`);
    while (missing.at(-1) === 0) missing.pop();
    if (missing.length > MAX_SCHEMA_DEPTH) throw new Error(`a schema more than ${MAX_SCHEMA_DEPTH} deep`);
  }
  if (missing.length > 0 || schema.length === 0) throw new Error('a schema that lacks elements');
}

function checkRowCounts({ num_rows, row_groups }: FileMetaData): void {
  const inGroups = row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  const negative = row_groups.some((group) => group.num_rows < 0n);
  if (negative || inGroups !== num_rows) {
    throw new Error(`${num_rows} rows in the footer, but ${inGroups} in its row groups`);
  }
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
