/** JSON text in which non-finite numbers are the strings "NaN", "Infinity" and "-Infinity". */
export function encodeJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, field: unknown) => (typeof field === 'number' && !Number.isFinite(field) ? String(field) : field),
    indent,
  );
}

/** JSON text with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return encodeJson(sortKeys(value));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sortKeys(field)]));
}

/** An object whose fields are still to be checked. */
export type Fields = Readonly<Record<string, unknown>>;

export function readObject(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unfit(name, value, 'an object');
  return value as Fields;
}

export function readArray(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unfit(name, value, 'an array');
  return value;
}

export function readString(value: unknown, name: string): string {
  if (typeof value !== 'string') throw unfit(name, value, 'a string');
  return value;
}

export function readBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw unfit(name, value, 'true or false');
  return value;
}

export function readInteger(
  value: unknown,
  name: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw unfit(name, value, `an integer from ${min} to ${max}`);
  }
  return value as number;
}

/** Reads a number as `encodeJson` writes it. */
export function readNumber(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw unfit(name, value, 'a number');
}

export function unfit(name: string, value: unknown, expected: string): RangeError {
  return new RangeError(`${name} is ${(encodeJson(value) ?? 'missing').slice(0, 60)}, expected ${expected}`);
}
