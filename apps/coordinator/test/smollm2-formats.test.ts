import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { CHECKPOINT_CACHE, smollm2Golden, SMOLLM2_GGUF, temporaryFolder } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { run } from './command.ts';

it(
  'scores SmolLM2 from its GGUF and from the safetensors made of it with equal bits',
  { timeout: 10 * 60_000 },
  async () => {
    const folder = temporaryFolder();
    const rows = smollm2Golden()
      .token_ids.slice(0, 2)
      .map((row) => row.slice(0, 96));
    writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(rows));
    const { folder: safetensors } = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
    const score = (model: string) => {
      const args = ['score', '--model', model, '--calibration', 'rows.json', '--mask', 'mha.28+mlp.3'];
      return run([...args, '--workers', 'local:1', '--cache-dir', CHECKPOINT_CACHE, '--json'], folder.path);
    };
    const fromGguf = await score(SMOLLM2_GGUF);
    const fromFolder = await score(safetensors);
    folder.remove();
    expect([fromGguf.code, fromFolder.code]).toEqual([0, 0]);
    expect(fromFolder.stdout).toBe(fromGguf.stdout);
    const { dense } = JSON.parse(fromGguf.stdout) as { dense: { rows: number[] } };
    expect(dense.rows.every((mean) => mean > 1 && mean < 8)).toBe(true);
  },
);
