/** Largest difference of the rows' means, nats; of each name that of all calls is kept. */
export class LargestDifference {
  private readonly largest = new Map<string, number>();

  /** NaN, which is below no bound, where a row is missing or is no number. */
  of(name: string, rowNats: readonly number[], expected: readonly number[]): number {
    const difference = Math.max(...expected.map((nats, row) => Math.abs(nats - rowNats[row])));
    this.largest.set(name, Math.max(difference, this.largest.get(name) ?? 0));
    return difference;
  }

  print(): void {
    for (const [name, nats] of this.largest) {
      process.stdout.write(`${name}: largest difference of a row ${nats.toExponential(1)} nats\n`);
    }
  }
}
