import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { writeLocalInputs } from '../deploy/overlays/local/make-model.ts';

const DEPLOY = join(import.meta.dirname, '../deploy');

it('the model and rows of the local overlay are those that its script writes', async () => {
  const folder = temporaryFolder();
  try {
    await writeLocalInputs(folder.path);
    for (const file of ['model/config.json', 'model/model.safetensors', 'rows.json']) {
      const [written, committed] = [folder.path, join(DEPLOY, 'overlays/local')].map((at) =>
        readFileSync(join(at, file)),
      );
      expect(written.equals(committed), file).toBe(true);
    }
  } finally {
    folder.remove();
  }
});
