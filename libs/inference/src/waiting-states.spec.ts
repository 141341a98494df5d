import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WaitingStateError, WaitingStates } from './waiting-states.ts';

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => folder.remove());

describe('waiting states', () => {
  it('come back as they were, whatever the order, the sizes and the budget', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat({ max: 2000 }), fc.nat(), async (lengths, budget, seed) => {
        const states = new WaitingStates(budget, folder.path);
        const waiting = new Map<string, Float32Array>();
        for (const [i, length] of lengths.entries()) {
          const values = Float32Array.from({ length }, (_, j) => i + j / 64);
          await states.put(`${i}`, values);
          waiting.set(`${i}`, values.slice());
          const keys = [...waiting.keys()];
          const key = keys[seed % keys.length];
          if (i % 3 === 2) {
            expect(await states.take(key)).toEqual(waiting.get(key));
            waiting.delete(key);
          }
        }
        for (const [key, values] of waiting) expect(await states.take(key)).toEqual(values);
        await states.close();
      }),
      { numRuns: 50 },
    );
  });

  it('leave nothing in the folder, not even while they wait on the disk', async () => {
    const states = new WaitingStates(0, join(folder.path, 'cache'));
    await states.put('a', Float32Array.of(1, 2));
    expect(readdirSync(join(folder.path, 'cache'))).toEqual([]);
    await states.close();
  });

  it('are found once', async () => {
    for (const budget of [0, 100]) {
      const states = new WaitingStates(budget, folder.path);
      await states.put('a', Float32Array.of(1));
      await states.take('a');
      await expect(states.take('a')).rejects.toThrow('no residual stream waits as a');
      await states.close();
    }
  });

  it('report a folder that cannot be written', async () => {
    const file = join(folder.path, 'a-file');
    writeFileSync(file, '');
    const states = new WaitingStates(8, file);
    await states.put('fits', Float32Array.of(1, 2));
    await expect(states.put('beyond', Float32Array.of(3))).rejects.toThrow(WaitingStateError);
    await expect(states.put('beyond', Float32Array.of(3))).rejects.toThrow(
      /of 4 bytes that waits for its next stage cannot be written to .*a-file.*\((EEXIST|ENOTDIR)\): free space there, or name another cache folder/,
    );
    await states.close();
  });

  it('report a disk that takes no more in the middle of a state', () => {
    const module = JSON.stringify(new URL('./waiting-states.ts', import.meta.url).href);
    const script = `
      const { WaitingStates } = await import(${module});
      const states = new WaitingStates(0, ${JSON.stringify(folder.path)});
      await states.put('a', new Float32Array(64));
      await states.put('b', new Float32Array(4096)).catch(({ name, message }) => console.log(name, message));
      const a = await states.take('a');
      await states.close();
      console.log(a.length);`;
    const command = 'ulimit -f 8 && exec "$0" --input-type=module --eval "$1"';
    const printed = execFileSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' });
    expect(printed).toMatch(
      /^WaitingStateError a residual stream of 16384 bytes .* behind 256 bytes of others \(EFBIG\)/,
    );
    expect(printed).toMatch(/\n64\n$/);
  });
});
