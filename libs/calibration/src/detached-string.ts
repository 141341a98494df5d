/** The same string in memory of its own: a slice of a long string keeps all of that alive, for as long as it is held. */
export function detached(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
