import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startHubStandIn, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, read, run, workspace } from './command.ts';

describe('a model and a dataset of the hub', () => {
  let folder: TemporaryFolder;
  let hub: Awaited<ReturnType<typeof startHubStandIn>>;
  const at = (...parts: string[]): string => join(folder.path, ...parts);
  const env = (more: Record<string, string> = {}): Record<string, string> => ({
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: at('hf'),
    HF_TOKEN: 'hf_secret',
    ...more,
  });

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    for (const name of ['hub/models/org', 'hub/datasets/org/rows']) mkdirSync(at(name), { recursive: true });
    renameSync(at('model'), at('hub/models/org/tiny'));
    renameSync(at('rows.json'), at('hub/datasets/org/rows/train.json'));
    writeFileSync(at('hub/datasets/org/rows/README.md.bak'), '');
    hub = await startHubStandIn(at('hub'), { token: 'hf_secret' });
  });
  afterAll(async () => {
    await hub.close();
    folder.remove();
  });

  it('are fetched, and a run names their commits', async () => {
    const args = ['prune', '--model', 'org/tiny', '--calibration', 'hf:org/rows', '--remove', '1'];
    const ended = await run([...args, '--workers', 'local:1', '--output', 'run'], folder.path, env());
    expect([ended.code, ended.lastLine]).toEqual([0, expect.not.stringContaining('error')]);
    const yaml = read(folder, 'run/config.yaml');
    expect(yaml).toContain(`model: org/tiny@${hub.commitOf('models/org/tiny')} # flag`);
    expect(yaml).toContain(`calibration: hf:org/rows@${hub.commitOf('datasets/org/rows')}:train # flag`);
    expect(ended.stderr + yaml).not.toContain('hf_secret');
  });

  it('are found in the cache without a network', async () => {
    const requests = hub.requests.length;
    const args = ['score', '--model', 'org/tiny', '--calibration', 'hf:org/rows', '--workers', 'local:1'];
    const ended = await run(args, folder.path, env({ HF_HUB_OFFLINE: '1' }));
    expect([ended.code, hub.requests.length]).toEqual([0, requests]);
  });

  it('that are not there are told apart from a path that was mistyped', async () => {
    const args = ['score', '--model', 'org/teeny', '--calibration', 'hf:org/rows'];
    const ended = await run(args, folder.path, env());
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toMatch(/^org\/teeny: no such file or folder, and on the hub: org\/teeny/);
  });
});
