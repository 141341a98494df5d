/** Largest difference of the rows' means, nats; of each name that of all calls is kept. */
export class LargestDifference {
  private readonly largest = new Map<string, number>();

  of(name: string, rowNats: readonly number[], expected: readonly number[]): number {
    const difference = Math.max(...rowNats.map((nats, row) => Math.abs(nats - expected[row])));
    this.largest.set(name, Math.max(difference, this.largest.get(name) ?? 0));
    return difference;
  }

  print(): void {
    for (const [name, nats] of this.largest) {
      process.stdout.write(`${name}: largest difference of a row ${nats.toExponential(1)} nats\n`);
    }
  }
}
