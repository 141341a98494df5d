import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { detached } from './detached-string.ts';
import { MAX_TEXT_CHARACTERS } from './limits.ts';

const SEGMENT_CHARACTERS = 2 ** 16;
const BETWEEN_RECORDS = '\n\n';

interface Segment {
  readonly index: number;
  readonly text: string;
}

/**
 * The records of a calibration text joined with a blank line: all of it while it fits the budget, beyond that a sample
 * of segments, in memory that does not grow.
 *
 * Invariants:
 * 1. Segments are cut from the joined text alone: in what parts it arrives changes nothing.
 * 2. `kept` holds all segments while `characters` is within the budget, and a uniform sample of them from then on
 *    (Vitter's Algorithm R over all segments from the first): when that is noticed changes nothing.
 * 3. `pending` holds less than a segment behind each call.
 * 4. No segment keeps the memory of the part that it was cut from.
 */
export class TextSample {
  private readonly maxCharacters: number;
  private readonly capacity: number;
  private readonly random;
  private kept: Segment[] = [];
  private isSample = false;
  private pending = '';
  private segmentCount = 0;
  private inRecord = false;
  private started = false;
  /** Characters of the joined text so far. */
  characters = 0;

  constructor(seed: number, maxCharacters: number = MAX_TEXT_CHARACTERS) {
    this.maxCharacters = maxCharacters;
    this.capacity = Math.max(1, Math.floor(maxCharacters / SEGMENT_CHARACTERS));
    this.random = xoroshiro128plus(seed);
  }

  /** @param continues whether the next part belongs to the same record */
  add(part: string, continues: boolean): void {
    if (this.started && !this.inRecord) this.append(BETWEEN_RECORDS);
    this.append(part);
    this.started = true;
    this.inRecord = continues;
  }

  /** The text, or its sample; call it once, behind the last part. */
  finish(): { readonly text: string; readonly isSample: boolean } {
    if (this.pending !== '') this.keep(this.pending);
    const { isSample } = this;
    const ordered = this.kept.sort((a, b) => a.index - b.index);
    const text = ordered.reduce((joined, { index, text: next }, i) => {
      const follows = i > 0 && ordered[i - 1].index === index - 1;
      return joined + (i === 0 || follows ? '' : BETWEEN_RECORDS) + next;
    }, '');
    return { text, isSample };
  }

  private append(text: string): void {
    this.characters += text.length;
    this.pending += text;
    while (this.pending.length > SEGMENT_CHARACTERS) {
      const end = cutBefore(this.pending);
      this.keep(this.pending.slice(0, end));
      this.pending = this.pending.slice(end);
    }
  }

  private keep(text: string): void {
    const segment = { index: this.segmentCount++, text };
    if (this.isSample) return this.offer(segment);
    this.kept.push({ ...segment, text: detached(text) });
    if (this.characters <= this.maxCharacters) return;
    this.isSample = true;
    const all = this.kept;
    this.kept = [];
    for (const one of all) this.offer(one);
  }

  private offer({ index, text }: Segment): void {
    const slot = index < this.capacity ? index : uniformInt(this.random, 0, index);
    if (slot < this.capacity) this.kept[slot] = { index, text: detached(text) };
  }
}

/** Behind a line, or a word, of the second half of a segment. */
function cutBefore(text: string): number {
  const half = SEGMENT_CHARACTERS / 2;
  for (const separator of ['\n', ' ']) {
    const end = text.lastIndexOf(separator, SEGMENT_CHARACTERS - 1) + 1;
    if (end > half) return end;
  }
  const cutsPair = (text.charCodeAt(SEGMENT_CHARACTERS - 1) & 0xfc00) === 0xd800;
  return cutsPair ? SEGMENT_CHARACTERS - 1 : SEGMENT_CHARACTERS;
}
