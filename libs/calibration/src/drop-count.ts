import type { SourceRecord } from './source-record.ts';

/** Records that do not come into the rows, for one reason. */
export interface Drop {
  readonly reason: string;
  readonly count: number;
  /** Where the first of them is. */
  readonly first: string;
}

/** Counts what was dropped, and why. */
export class DropCount {
  private readonly byReason = new Map<string, Drop>();

  add(reason: string, { file, place }: Pick<SourceRecord, 'file' | 'place'>): void {
    const { count, first } = this.byReason.get(reason) ?? {
      count: 0,
      first: place ? `${file}: ${place}` : file,
    };
    this.byReason.set(reason, { reason, count: count + 1, first });
  }

  get drops(): readonly Drop[] {
    return [...this.byReason.values()];
  }
}
