import { CheckpointError } from './checkpoint-error.ts';

/** Named values read from a file: the JSON object of a config, or the metadata of a GGUF. */
export interface Fields {
  /** The file that errors name. */
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Bounds of a number, inclusive. */
interface Range {
  readonly min: number;
  readonly max: number;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > 60 ? `${JSON.stringify(value.slice(0, 57))}...` : JSON.stringify(value);
}

function read<T>(
  fields: Fields,
  key: string,
  fallback: T | undefined,
  expected: string,
  is: (value: unknown) => boolean,
): T {
  const value = Object.hasOwn(fields.values, key) ? (fields.values[key] ?? undefined) : undefined;
  if (value === undefined) {
    if (fallback !== undefined) return fallback;
    throw new CheckpointError('malformed', `${fields.file}: ${key} is missing: expected ${expected}`);
  }
  if (!is(value))
    throw new CheckpointError('malformed', `${fields.file}: ${key} is ${show(value)}: expected ${expected}`);
  return value as T;
}

/**
 * The readers of one field. A missing or null field gives the fallback where there is one.
 * @throws CheckpointError naming the file, the field, the value and what was expected
 */
export function integerField<F = number>(
  fields: Fields,
  key: string,
  { min, max }: Range,
  fallback?: F,
): number | F {
  return read<number | F>(fields, key, fallback, `an integer from ${min} to ${max}`, (value) => {
    return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
  });
}

export function numberField(fields: Fields, key: string, { min, max }: Range, fallback?: number): number {
  return read(fields, key, fallback, `a number from ${min} to ${max}`, (value) => {
    return typeof value === 'number' && value >= min && value <= max;
  });
}

export function booleanField(fields: Fields, key: string, fallback?: boolean): boolean {
  return read(fields, key, fallback, 'true or false', (value) => typeof value === 'boolean');
}

export function stringField(fields: Fields, key: string, fallback?: string): string {
  return read(fields, key, fallback, 'a string', (value) => typeof value === 'string');
}

/** A list of strings, or null when it is absent. */
export function stringListField(fields: Fields, key: string): readonly string[] | null {
  return read<readonly string[] | null>(fields, key, null, 'a list of strings', (value) => {
    return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  });
}

/** A list of `length` integers, or null when it is absent. */
export function integerListField(
  fields: Fields,
  key: string,
  length: number,
  { min, max }: Range,
): readonly number[] | null {
  const expected = `a list of ${length} integers from ${min} to ${max}`;
  return read<readonly number[] | null>(fields, key, null, expected, (value) => {
    return (
      Array.isArray(value) &&
      value.length === length &&
      value.every((entry) => Number.isSafeInteger(entry) && entry >= min && entry <= max)
    );
  });
}

/** The fields of a nested object, or null when it is absent. */
export function objectField(fields: Fields, key: string): Fields | null {
  const values = read<Record<string, unknown> | null>(fields, key, null, 'an object', (value) => {
    return typeof value === 'object' && !Array.isArray(value);
  });
  return values && { file: `${fields.file}: ${key}`, values };
}
