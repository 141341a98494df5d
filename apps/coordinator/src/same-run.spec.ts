import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { settingsOfRun } from './same-run.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const OTHER = 'decade'.padEnd(40, '0');

/** A folder with the options of a run on a model and a dataset of the hub. */
function createdRun(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder.remove());
  const options = [`model: org/name@${COMMIT}`, `calibration: hf:org/texts@${COMMIT}:train`, 'rows: 8'];
  writeFileSync(join(folder.path, 'config.yaml'), options.join('\n'));
  return folder.path;
}

const given = (model: string, calibration: string) => ({
  values: { model, calibration, rows: 8 },
  origins: {},
});

describe('a run whose inputs are on the hub', () => {
  it.each(['org/name', 'org/name@main', `org/name@${COMMIT}`])(
    'goes on with the commit it was created with where %s is given',
    async (model) => {
      const settings = await settingsOfRun(createdRun(), given(model, 'hf:org/texts:train'));
      expect(settings.values.model).toBe(`org/name@${COMMIT}`);
    },
  );

  it.each([`org/name@${OTHER}`, 'org/another', './a-folder'])(
    'leaves %s to be compared by its content',
    async (model) => {
      const settings = await settingsOfRun(createdRun(), given(model, 'hf:org/texts'));
      expect(settings.values.model).toBe(model);
    },
  );

  it.each([`hf:org/texts@${OTHER}`, 'hf:org/texts:test', 'hf:org/others', 'texts.txt'])(
    'is another one where the text is %s',
    async (calibration) => {
      await expect(settingsOfRun(createdRun(), given('org/name', calibration))).rejects.toThrow(
        /^--calibration is .*, the run in .* was created with hf:org\/texts@c0ffee/,
      );
    },
  );
});

it('says which value is a default', async () => {
  const run = createdRun();
  const settings = {
    values: { ...given('org/name', 'hf:org/texts').values, rows: 16 },
    origins: { rows: 'default' as const },
  };
  await expect(settingsOfRun(run, settings)).rejects.toThrow(
    `--rows is 16 by default, the run in ${run} was created with 8: give what it was created with, or another --output`,
  );
});
