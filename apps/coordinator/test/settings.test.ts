import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, read, run, workspace, type Ended } from './command.ts';

describe('options', () => {
  let folder: TemporaryFolder;
  let ended: Ended;
  let configYaml: string;

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    writeFileSync(
      join(folder.path, 'run.yaml'),
      ['model: model', 'remove: 3', 'block-type: mha', 'seed: 7', 'rows: 9', 'json: true'].join('\n'),
    );
    ended = await run(
      ['prune', '--config', 'run.yaml', '--remove', '1', '--workers', 'local:1', '--output', 'first'],
      folder.path,
      { BLOCKPRUNER_REMOVE: '2', BLOCKPRUNER_BLOCK_TYPE: 'mlp', BLOCKPRUNER_CALIBRATION: 'rows.json' },
    );
    configYaml = ended.code === 0 ? read(folder, 'first/config.yaml') : '';
  });
  afterAll(() => folder.remove());

  it('are taken from the flag, else the environment, else the config file, else the default', () => {
    expect(ended.code).toBe(0);
    const result = JSON.parse(ended.stdout) as { decisions: { removed: string }[] };
    expect(result.decisions).toHaveLength(1);
    expect(result.decisions[0].removed).toMatch(/^mlp\.\d$/);
  });

  it('are kept in the run folder with their origins, paths made absolute', () => {
    expect(configYaml.split('\n')).toEqual(
      expect.arrayContaining([
        'remove: 1 # flag',
        'workers: local:1 # flag',
        `output: ${join(folder.path, 'first')} # flag`,
        'block-type: mlp # environment',
        `calibration: ${join(folder.path, 'rows.json')} # environment`,
        `model: ${join(folder.path, 'model')} # config file`,
        'seed: 7 # config file',
        'rows: 9 # config file',
        'json: true # config file',
        'seq-len: 2048 # default',
        'search: race # default',
      ]),
    );
    expect(configYaml).not.toMatch(/^(ratio|listen|dry-run):/m);
  });

  it('can be given again by that file', async () => {
    writeFileSync(join(folder.path, 'again.yaml'), configYaml);
    const again = await run(['prune', '--config', 'again.yaml', '--output', 'second'], folder.path);
    expect(again.code).toBe(0);
    expect(read(folder, 'second/result.json')).toBe(read(folder, 'first/result.json'));
    expect(read(folder, 'second/config.yaml')).toContain('block-type: mlp # config file');
  });

  it('name the config file by a flag or by the environment', async () => {
    const args = ['prune', '--calibration', 'rows.json', '--dry-run'];
    const dry = await run(args, folder.path, { BLOCKPRUNER_CONFIG: 'run.yaml' });
    expect([dry.code, JSON.parse(dry.stdout)]).toEqual([
      0,
      expect.objectContaining({ iterations: { least: 3, most: 3 } }),
    ]);
  });

  it.concurrent.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
    ['', false],
  ])('that are switches follow the value of their variable: BLOCKPRUNER_JSON=%s', async (value, json) => {
    const args = ['prune', '--model', 'model', '--calibration', 'rows.json', '--remove', '1', '--dry-run'];
    const dry = await run(args, folder.path, { BLOCKPRUNER_JSON: value });
    expect([dry.code, dry.stdout.startsWith('{')]).toEqual([0, json]);
  });

  it.concurrent.each([
    ['BLOCKPRUNER_JSON', 'maybe', /--json \(from the environment\) must be true or false; got "maybe"/],
    ['BLOCKPRUNER_REMOVE', 'all', /--remove \(from the environment\) must be a whole number.*got "all"/],
    ['BLOCKPRUNER_RATIO', '1', /--ratio \(from the environment\) must be .* below 1.*got "1"/],
    ['BLOCKPRUNER_SEQ_LEN', '1', /--seq-len \(from the environment\) must be a whole number from 2/],
    ['BLOCKPRUNER_LOG_LEVEL', 'loud', /--log-level \(from the environment\) must be error, warn, info or/],
    ['BLOCKPRUNER_CONFIG', 'gone.yaml', /--config gone\.yaml cannot be read/],
  ])('are refused with their origin: %s=%s', async (variable, value, message) => {
    const args = ['prune', '--model', 'model', '--calibration', 'rows.json'];
    const refused = await run(args, folder.path, { [variable]: value });
    expect(errorLine(refused)).toMatch(message);
    expect(refused.code).toBe(2);
  });
});
