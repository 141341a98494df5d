interface Place {
  sum: number;
  count: number;
}

/**
 * Where in the calibration set each worker computed in the work before. Workers that get their shares in that order get
 * much the same rows again, and hold residual streams of them.
 */
export class Places {
  private present = new Map<string, Place>();
  private previous = new Map<string, number>();

  /** Other work begins. */
  reset(): void {
    for (const [id, { sum, count }] of this.present) this.previous.set(id, sum / count);
    this.present.clear();
  }

  /** @param within how far along the row the cell was, from 0 to 1 */
  computed(workerId: string, row: number, within: number): void {
    const place = this.present.get(workerId);
    if (place) {
      place.sum += row + within;
      place.count++;
    } else this.present.set(workerId, { sum: row + within, count: 1 });
  }

  left(workerId: string): void {
    this.present.delete(workerId);
    this.previous.delete(workerId);
  }

  /** New ones come last, in the order given. */
  inOrder<Worker extends { readonly id: string }>(workers: readonly Worker[]): Worker[] {
    const placeOf = ({ id }: Worker): number => this.previous.get(id) ?? Number.MAX_VALUE;
    return [...workers].sort((a, b) => placeOf(a) - placeOf(b));
  }
}
