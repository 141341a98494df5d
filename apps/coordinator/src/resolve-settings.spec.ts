import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { Command } from 'commander';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  declareSettings,
  environmentVariable,
  requireSetting,
  resolveSettings,
  settingsYaml,
} from './resolve-settings.ts';
import type { SettingName } from './setting.ts';

const NAMES = ['model', 'rows', 'remove', 'ratio', 'mask', 'json'] as const satisfies SettingName[];

function parsed(...args: string[]): Command {
  const command = new Command('prune').exitOverride();
  declareSettings(command, NAMES);
  return command.parse(args, { from: 'user' });
}

describe('resolveSettings', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  function config(content: string): string[] {
    const file = join(folder.path, 'run.yaml');
    writeFileSync(file, content);
    return ['--config', file];
  }

  it('gives numbers, switches and lists their types, and leaves out what was not given', () => {
    const settings = resolveSettings(
      parsed('--remove', '3', '--json', '--mask', 'mha.1', '--mask', 'mlp.2'),
      NAMES,
    );
    expect(settings.values).toEqual({ rows: 16, remove: 3, json: true, mask: ['mha.1', 'mlp.2'] });
    expect(settings.origins).toEqual({ rows: 'default', remove: 'flag', json: 'flag', mask: 'flag' });
  });

  it('lets a flag win over a config file, and a config file over the default', () => {
    const settings = resolveSettings(parsed('--remove', '3', ...config('remove: 5\nrows: 2\n')), NAMES);
    expect(settings.values).toMatchObject({ remove: 3, rows: 2 });
    expect(settings.origins).toMatchObject({ remove: 'flag', rows: 'config file' });
  });

  it('takes lists and ratios from a config file, and an empty one for none', () => {
    const settings = resolveSettings(parsed(...config('ratio: 0.25\nmask: [mha.1, mlp.2]\n')), NAMES);
    expect(settings.values).toMatchObject({ ratio: 0.25, mask: ['mha.1', 'mlp.2'] });
    expect(resolveSettings(parsed(...config('# nothing\n')), NAMES).values).toEqual({ rows: 16 });
  });

  it.each([
    ['remove: "three"', '--remove (from the config file) must be a whole number'],
    ['remove: 2.5', '--remove (from the config file) must be a whole number'],
    ['remove:', '--remove (from the config file) must be a whole number from 1 to 100000; got null'],
    ['remove: [1]', 'got [1]'],
    ['json: yes please', '--json (from the config file) must be true or false'],
    ['mask: mha.1', '--mask (from the config file) must be blocks joined by +'],
    ['__proto__: 1', '"__proto__" is not an option of prune'],
    ['remove: 1\nremove: 2', 'is not valid YAML'],
    ['just a text', 'must hold "option: value" lines'],
  ])('refuses the config file %j', (content, message) => {
    expect(() => resolveSettings(parsed(...config(content)), NAMES)).toThrow(message);
  });

  it.each(['0', '-1', '1.5', '100001', '1e3', ' 3', '0x10', 'NaN', ''])(
    'refuses --remove %j by value',
    (value) => {
      expect(() => resolveSettings(parsed(`--remove=${value}`), NAMES)).toThrow(
        `--remove must be a whole number from 1 to 100000; got ${JSON.stringify(value)}`,
      );
    },
  );

  it('says of a missing option all the ways to give it', () => {
    const settings = resolveSettings(parsed(), NAMES);
    expect(() => requireSetting(settings, 'model')).toThrow(
      '--model is missing: give --model <path>, set BLOCKPRUNER_MODEL, or put "model:" into the --config file',
    );
    expect(requireSetting(settings, 'rows')).toBe(16);
  });

  it('writes as YAML what it reads back as the same values, whatever the texts', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.boolean(),
        fc.array(fc.string()),
        (model, remove, json, mask) => {
          const given = { values: { model, remove, json, mask }, origins: { model: 'flag' as const } };
          const yaml = settingsYaml(given);
          expect(parse(yaml)).toEqual({ model, remove, json, mask });
          const again = resolveSettings(parsed(...config(yaml)), NAMES);
          expect(again.values).toEqual({ rows: 16, model, remove, json, mask });
        },
      ),
    );
  });

  it('names the origin of each value in the YAML', () => {
    const yaml = settingsYaml(resolveSettings(parsed('--remove', '3'), NAMES));
    expect(yaml).toBe('rows: 16 # default\nremove: 3 # flag\n');
  });
});

describe('environmentVariable', () => {
  it('is the flag in capitals, with underscores', () => {
    expect(environmentVariable('seq-len')).toBe('BLOCKPRUNER_SEQ_LEN');
  });
});
