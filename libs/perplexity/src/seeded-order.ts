/** Rows in an order of the seed's. */
export function seededOrder(rowCount: number, seed: number): number[] {
  const rows = Array.from({ length: rowCount }, (_, row) => ({ row, place: seededHash(`row ${row}`, seed) }));
  return rows.sort((a, b) => a.place - b.place || a.row - b.row).map(({ row }) => row);
}

/** FNV-1a, and a last mix, since names differ in few characters. @returns from 0 to 2^32 - 1 */
export function seededHash(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
