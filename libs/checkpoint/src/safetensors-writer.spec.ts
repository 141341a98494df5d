import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/tiny-model.ts';
import { encodeFloats } from './dtype.ts';
import { readSafetensorsHeader } from './safetensors-header.ts';
import { writeSafetensors, type TensorBytes } from './safetensors-writer.ts';

const folder = temporaryFolder();
const file = join(folder, 'written.safetensors');

function tensor(name: string, values: number[]): TensorBytes {
  return {
    name,
    dtype: 'float16',
    shape: [values.length],
    data: encodeFloats('float16', Float32Array.from(values)),
  };
}

describe('writeSafetensors', () => {
  it('writes what the reader reads, in the order given, data aligned to 8 bytes', async () => {
    const tensors = [tensor('z', [1, 2, 3]), { ...tensor('a', [4]), shape: [1, 1] }];
    await writeSafetensors(file, tensors);
    const header = await readSafetensorsHeader(file);
    const bytes = readFileSync(file);
    expect(header.headerBytes % 8).toBe(0);
    expect([...header.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['z', 'F16', [3]],
      ['a', 'F16', [1, 1]],
    ]);
    for (const { name, data } of tensors) {
      const { offsetBytes, lengthBytes } = header.tensors.get(name)!;
      expect(new Uint8Array(bytes.subarray(offsetBytes, offsetBytes + lengthBytes))).toEqual(data);
    }
  });

  it('refuses data that does not fit the shape, and a name given twice', async () => {
    await expect(writeSafetensors(file, [{ ...tensor('w', [1]), shape: [2] }])).rejects.toMatchObject({
      code: 'wrong-shape',
      message: expect.stringContaining('tensor w is given 2 bytes, but float16 [2] takes 4') as string,
    });
    await expect(writeSafetensors(file, [tensor('w', [1]), tensor('w', [2])])).rejects.toThrow(
      'tensor w is given twice',
    );
  });

  it('leaves nothing behind when it fails', async () => {
    await expect(writeSafetensors(join(folder, 'absent/x'), [])).rejects.toMatchObject({ code: 'not-found' });
    expect(readdirSync(folder)).toEqual(['written.safetensors']);
  });
});
