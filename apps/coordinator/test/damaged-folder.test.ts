import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunFolder, type RunFolderError } from '@blockpruner/journal';
import type { TemporaryFolder } from '@blockpruner/testkit';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, slowWorkspace, start } from './command.ts';

const DURABLE = ['dense', 'decision', 'finished'];

/** A run that real processes have computed, killed in its third iteration. */
describe('the folder of a run that was killed', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  /** Content of each file. */
  let whole: Map<string, Buffer>;
  /** Bytes of each file in which damage is no torn end. */
  let vouched: Record<string, number>;

  const at = (...parts: string[]): string => join(folder.path, ...parts);
  const prune = (output: string): string[] => [
    ...PRUNE,
    ...['--remove', '3', '--workers', 'local:2', '--output', output],
  ];

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run(prune('undisturbed'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
    const command = start([...prune('killed'), '--log-level', 'debug'], folder.path);
    await command.says(/(?:"msg":"iteration"[^]*){2}(?:"msg":"task done"[^]*){3}/);
    command.kill('SIGKILL');
    await command.ended;
    rmSync(at('killed/owner.json'));
    rmSync(at('killed/log.jsonl'));
    const names = readdirSync(at('killed'));
    whole = new Map(names.map((name) => [name, readFileSync(at('killed', name))]));
    vouched = vouchedBytes(whole.get('journal.jsonl')!, whole.get('cells.bin')!);
  });
  afterAll(() => folder.remove());

  /** A copy of the folder in which the file is another. */
  function copyWith(copy: string, name: string, content: Buffer): void {
    rmSync(at(copy), { recursive: true, force: true });
    cpSync(at('killed'), at(copy), { recursive: true });
    writeFileSync(at(copy, name), content);
  }

  function flipped(name: string, bit: number): Buffer {
    const content = Buffer.from(whole.get(name)!);
    content[bit >> 3] ^= 1 << (bit & 7);
    return content;
  }

  it(
    'names any flipped bit in front of the last decision, and changes nothing',
    { timeout: 120_000 },
    async () => {
      const flips = fc
        .constantFrom('journal.jsonl', 'cells.bin', 'rows.json')
        .chain((name) =>
          fc.record({ name: fc.constant(name), bit: fc.nat(8 * whole.get(name)!.length - 1) }),
        );
      let corrupt = 0;
      await fc.assert(
        fc.asyncProperty(flips, async ({ name, bit }) => {
          const damaged = flipped(name, bit);
          copyWith('flipped', name, damaged);
          const opened = await RunFolder.open(at('flipped')).catch(
            (error: unknown) => error as RunFolderError,
          );
          if (opened instanceof RunFolder) {
            await opened.release();
            expect(bit >> 3).toBeGreaterThanOrEqual(vouched[name]);
            expect(opened.cutBytes.journal + opened.cutBytes.cells).toBeGreaterThan(0);
            expect([1, 2]).toContain(opened.state.decisions.length);
            return;
          }
          corrupt++;
          expect(opened).toMatchObject({ code: 'corrupt', message: expect.stringContaining(name) as string });
          expect(opened.message.length).toBeLessThan(400);
          expect(readdirSync(at('flipped')).sort()).toEqual([...whole.keys()].sort());
          for (const [file, content] of whole) {
            expect(readFileSync(at('flipped', file)).equals(file === name ? damaged : content), file).toBe(
              true,
            );
          }
        }),
        { numRuns: 200 },
      );
      expect(corrupt).toBeGreaterThan(50);
    },
  );

  it.each<[string, (content: Buffer) => number]>([
    ['journal.jsonl', (content) => content.indexOf('"kind":"decision"')],
    ['cells.bin', () => 100],
  ])('is refused by resume in one line when a byte of %s is another', async (name, place) => {
    const damaged = flipped(name, 8 * place(whole.get(name)!));
    copyWith('refused', name, damaged);
    const ended = await run(['resume', 'refused'], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `refused: .*${name.replace('.', '\\.')}.* damaged .*; restore the folder from a copy, or start`,
        ),
      ),
    ]);
    expect(readFileSync(at('refused', name)).equals(damaged)).toBe(true);
    expect(readdirSync(at('refused')).sort()).toEqual([...whole.keys()].sort());
  });

  it.each([
    ['journal.jsonl', 'in the midst of its last line', (length: number) => length - 7],
    [
      'journal.jsonl',
      'somewhere behind the last decision',
      (length: number, kept: number) => (length + kept) >> 1,
    ],
    ['cells.bin', 'in the midst of its last record', (length: number) => length - 3],
  ] as const)(
    'goes on to the same result when %s is cut %s',
    { timeout: 120_000 },
    async (name, _where, cut) => {
      const { length } = whole.get(name)!;
      copyWith('cut', name, whole.get(name)!);
      truncateSync(at('cut', name), cut(length, vouched[name]));
      const ended = await run(['resume', 'cut'], folder.path);
      expect(ended.code).toBe(0);
      expect(ended.stderr).toMatch(
        /"cutBytes":\{"journal":\d+,"cells":\d+\}[^\n]*"msg":"resuming after the last decision"/,
      );
      expect(read(folder, 'cut/result.json')).toBe(undisturbed);
    },
  );
});

/** What lies in front of the last decision in the journal, and the cells that it follows from. */
function vouchedBytes(journal: Buffer, cells: Buffer): Record<string, number> {
  let journalBytes = 0;
  let cellsBytes = 0;
  let seenBytes = 0;
  let start = 0;
  for (const line of journal.toString().split('\n')) {
    const end = start + Buffer.byteLength(line) + 1;
    if (end > journal.length) break;
    const { event } = JSON.parse(line) as { event: { kind: string; offset: number } };
    if (event.kind === 'cells') seenBytes = event.offset + 8 + cells.readUInt32LE(event.offset);
    if (DURABLE.includes(event.kind)) {
      journalBytes = start;
      cellsBytes = seenBytes;
    }
    start = end;
  }
  return { 'journal.jsonl': journalBytes, 'cells.bin': cellsBytes, 'rows.json': Infinity };
}
