/**
 * Whether cells of the class are computed with weights and matrix products of 16 bits, and so are noisy next to fp32.
 * @param numericClass as a worker names it: engine, hardware, dtype, pre-packing mode, with `, ` between them
 */
export function computesIn16Bit(numericClass: string): boolean {
  return numericClass.split(', ').some((part) => part === 'bf16' || part === 'fp16');
}

/** Several classes in words: `two numeric classes: …; …`. */
export function nameClasses(numericClasses: readonly string[]): string {
  const count = numericClasses.length === 2 ? 'two' : String(numericClasses.length);
  return `${count} numeric classes: ${numericClasses.join('; ')}`;
}
