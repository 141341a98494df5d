/** A line on stderr: where the measuring stands. The figures go to stdout. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
