/** `0.4 s`, `42 s`, `3 min 05 s`, `2 h 05 min`, `3 d 04 h`; `unknown` for a number that is not finite. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** The longest time that a timer takes. */
const LONGEST_MS = 24 * 86_400_000;

/**
 * Reads a time: `25s`, `1.5 h`, `15min`, `15m`, `500ms`, `2d`; upper or lower case.
 * @returns milliseconds, 0 to 24 days; undefined for anything else, a number without a unit among them
 */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,6})?) ?([a-z]{1,3})$/i.exec(text) ?? [];
  const scale = digits === undefined ? undefined : MS_PER_UNIT[unit.toLowerCase()];
  if (scale === undefined) return undefined;
  const ms = Math.round(Number(digits) * scale);
  return ms <= LONGEST_MS ? ms : undefined;
}

/** Binary units, three digits: `512 B`, `1.50 KiB`, `11.8 GiB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
/** No machine has more memory, and it is a safe integer. */
const MOST_BYTES = 2 ** 50;

/**
 * Reads a size: `12GiB`, `1.5 GiB`, `512MiB` or plain bytes, upper or lower case.
 * @returns whole bytes, 1 byte to 1 PiB; undefined for anything else, the units of 1000 among them
 */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,16}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text) ?? [];
  const scale = digits === undefined ? undefined : BYTES_PER_UNIT[unit.toLowerCase()];
  if (scale === undefined) return undefined;
  const bytes = Math.floor(Number(digits) * scale);
  return bytes >= 1 && bytes <= MOST_BYTES ? bytes : undefined;
}

/** Decimal units, three digits: `999`, `12.3 k`, `135 M`, `1.24 B` (billions). */
export function formatCount(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'B', 'T']);
}

const COUNT_OF_UNIT: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12 };

/**
 * Reads a count: `1.1B` (billions), `900M`, `135k` or plain digits, upper or lower case.
 * @returns a whole number from 1 to 2^50; undefined for anything else
 */
export function parseCount(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,16}(?:\.\d{1,9})?) ?([kmbt]?)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const count = Math.round(Number(digits) * COUNT_OF_UNIT[unit.toLowerCase()]);
  return count >= 1 && count <= 2 ** 50 ? count : undefined;
}

/** Decimal units, three digits: `17.4 GFLOP`, `1.24 EFLOP`; with `/s` behind it, a speed. */
export function formatFlops(flops: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'].map((prefix) => `${prefix}FLOP`);
  return scaled(flops, 1000, units);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return 'unknown';
  let magnitude = Math.abs(value);
  let unit = 0;
  // 999.5 would round to four digits.
  while (magnitude >= (base === 1000 ? 999.5 : 1023.5) && unit < units.length - 1) {
    magnitude /= base;
    unit++;
  }
  const digits =
    unit === 0 && Number.isInteger(magnitude) ? 0 : magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0;
  return `${value < 0 ? '-' : ''}${magnitude.toFixed(digits)} ${units[unit]}`.trimEnd();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
