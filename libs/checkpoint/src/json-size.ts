import { stringEnd } from './json-keys.ts';

/** A config nests 5 deep, a header 3; a parser that goes on for ever exhausts the stack or the memory. */
const MAX_DEPTH = 64;
/**
 * Three times those of a header of 1024 layers of packed weights; an object of a million keys takes 3 seconds and 300
 * MB to parse.
 */
const MAX_VALUES = 2 ** 20;

/** Why a JSON text would take far more to parse than any real file does, or null. The text need not be valid. */
export function excessOfJson(text: string, maxValues: number = MAX_VALUES): string | null {
  let depth = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"':
        i = stringEnd(text, i);
        break;
      case '{':
      case '[':
        values++;
        if (++depth > MAX_DEPTH) return `nests deeper than ${MAX_DEPTH} levels`;
        break;
      case '}':
      case ']':
        depth--;
        break;
      case ',':
        if (++values > maxValues) return `holds more than ${maxValues} values`;
        break;
    }
  }
  return null;
}
