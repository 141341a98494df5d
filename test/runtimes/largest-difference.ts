/** Largest difference of the rows' means, nats; of each name that of all calls is kept. */
export class LargestDifference {
  private readonly largest = new Map<string, number>();

  /**
   * @returns the largest difference of a row of this call
   * @throws Error where there is nothing to compare: no rows, other rows, or a mean that is no number
   */
  of(name: string, rowNats: readonly number[], expected: readonly number[]): number {
    const differences = Array.from(expected, (nats, row) => Math.abs(nats - rowNats[row]));
    if (expected.length === 0 || rowNats.length !== expected.length || !differences.every(Number.isFinite)) {
      throw new Error(`${name}: rows [${rowNats.join()}] cannot be compared with [${expected.join()}]`);
    }
    const difference = Math.max(...differences);
    this.largest.set(name, Math.max(difference, this.largest.get(name) ?? 0));
    return difference;
  }

  print(): void {
    for (const [name, nats] of this.largest) {
      process.stdout.write(`${name}: largest difference of a row ${nats.toExponential(1)} nats\n`);
    }
  }
}
