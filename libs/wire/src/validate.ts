import { MAX_REASON_CHARS } from './limits.ts';
import { WireError } from './wire-error.ts';

/** Returns the value in its domain type, or throws a WireError that begins with `at`, the field's path. */
export type Check<T> = (value: unknown, at: string) => T;

export function reject(at: string, value: unknown, rule: string): never {
  return rejectAs(at, `is ${show(value)}`, rule);
}

/** Like `reject`, for what is wrong about more than one value: `rows`, `has 0 elements`. */
export function rejectAs(at: string, what: string, rule: string): never {
  throw new WireError('bad-message', `${at} ${what}: ${rule}`);
}

/** A number without a fraction, both bounds included. */
export function whole(min: number, max: number): Check<number> {
  return (value, at) =>
    isWhole(value, min, max) ? value : reject(at, value, `must be a whole number from ${min} to ${max}`);
}

/** Like `whole` for each element, and a count from `minCount` to `maxCount`. */
export function wholes(min: number, max: number, minCount: number, maxCount: number): Check<number[]> {
  return (value, at) => {
    const list = counted(value, at, minCount, maxCount);
    const bad = list.findIndex((element) => !isWhole(element, min, max));
    if (bad >= 0) reject(`${at}[${bad}]`, list[bad], `must be a whole number from ${min} to ${max}`);
    return list as number[];
  };
}

/** Whole numbers from 0 to `max`, each above the one before. */
export function ascending(max: number): Check<number[]> {
  const check = wholes(0, max, 0, max + 1);
  return (value, at) => {
    const list = check(value, at);
    const bad = list.findIndex((element, i) => i > 0 && element <= list[i - 1]);
    if (bad >= 0) reject(`${at}[${bad}]`, list[bad], `must be above ${list[bad - 1]}, the one before it`);
    return list;
  };
}

/** Any doubles, NaN and infinities among them. */
export function doubles(minCount: number, maxCount: number): Check<Float64Array> {
  return (value, at) => Float64Array.from(counted(value, at, minCount, maxCount) as number[]);
}

/** Bytes, as many as `minCount` to `maxCount`. */
export function binary(minCount: number, maxCount: number): Check<Buffer> {
  return (value, at) => {
    if (!Buffer.isBuffer(value)) return reject(at, value, 'must be bytes');
    if (value.length < minCount || value.length > maxCount) {
      const rule = minCount === maxCount ? `${minCount}` : `${minCount} to ${maxCount}`;
      rejectAs(at, `has ${value.length} bytes`, `must have ${rule}`);
    }
    return value;
  };
}

/** A measured quantity: finite, 0 included. */
export const measure: Check<number> = (value, at) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? value
    : reject(at, value, 'must be a finite number, 0 or more');

export const flag: Check<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : reject(at, value, 'must be true or false');

/** 1 to `maxChars` characters without control characters: it ends up in logs and on terminals. */
export function text(maxChars: number): Check<string> {
  return (value, at) =>
    typeof value === 'string' && value.length > 0 && value.length <= maxChars && !/\p{Cc}/u.test(value)
      ? value
      : reject(at, value, `must be 1 to ${maxChars} characters, none of them a control character`);
}

export const reason: Check<string> = (value, at) =>
  typeof value === 'string' ? cutReason(value) : reject(at, value, 'must be text');

/** One line of at most 400 characters, free of control characters and of halves of a character. */
export function cutReason(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  if (line.length <= MAX_REASON_CHARS) return line.toWellFormed();
  return `${line.slice(0, MAX_REASON_CHARS - 1).replace(/[\ud800-\udbff]$/, '')}…`.toWellFormed();
}

/** Messages, each checked under its own path. */
export function list<T>(check: Check<T>, minCount: number, maxCount: number): Check<T[]> {
  return (value, at) =>
    counted(value, at, minCount, maxCount).map((element, i) => check(element, `${at}[${i}]`));
}

/** A message field that must be there. */
export function present<T>(value: T | null | undefined, at: string): T {
  return value ?? reject(at, value, 'must be present');
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function counted(value: unknown, at: string, minCount: number, maxCount: number): unknown[] {
  if (!Array.isArray(value)) return reject(at, value, 'must be a list');
  if (value.length < minCount || value.length > maxCount) {
    rejectAs(at, `has ${value.length} elements`, `must have ${minCount} to ${maxCount}`);
  }
  return value;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return 'missing';
  if (typeof value === 'string')
    return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}…` : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}
