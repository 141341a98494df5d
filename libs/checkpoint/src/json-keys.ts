const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST_OPEN = 0x5b;
const BACKSLASH = 0x5c;
const LIST_CLOSE = 0x5d;
const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;

/** Index of the quote that ends the string begun at `start`, or the length of the text when none does. */
export function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) return i;
    if (char === BACKSLASH) i++;
  }
  return text.length;
}

/**
 * The first key that an object of a JSON text holds twice, at any depth, or null. `JSON.parse` keeps the last one
 * silently; readers of the same file in other languages may keep the first.
 * @param text valid JSON
 */
export function findDuplicateKey(text: string): string | null {
  /** The keys of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = [];
  let keys: Set<string> | null = null;
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === OBJECT_OPEN || char === LIST_OPEN) {
      keys = char === OBJECT_OPEN ? new Set() : null;
      open.push(keys);
      expectsKey = true;
    } else if (char === OBJECT_CLOSE || char === LIST_CLOSE) {
      open.pop();
      keys = open.at(-1) ?? null;
    } else if (char === COMMA) {
      expectsKey = true;
    } else if (char === QUOTE) {
      const end = stringEnd(text, i);
      if (expectsKey && keys !== null) {
        const raw = text.slice(i, end + 1);
        // The same key may be written with and without escapes.
        const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
        if (keys.has(key)) return key;
        keys.add(key);
      }
      expectsKey = false;
      i = end;
    }
  }
  return null;
}
