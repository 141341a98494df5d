import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { writeLocalInputs } from '../deploy/overlays/local/make-model.ts';

const ROOT = join(import.meta.dirname, '..');
const DEPLOY = join(ROOT, 'deploy');
/** All manifests, with the dashboard, the alerts and their comments. */
const manifests = globSync('**/*.{yaml,json}', { cwd: DEPLOY })
  .map((file) => readFileSync(join(DEPLOY, file), 'utf8'))
  .join('\n');

/** What a text names by a pattern, once each. */
const named = (text: string, pattern: RegExp): string[] => [...new Set(text.match(pattern))].sort();
const page = (file: string): string => readFileSync(join(ROOT, 'docs', file), 'utf8');

it('the manifests set only variables that the pages of options list', () => {
  const variable = /\bBLOCKPRUNER_[A-Z_]+\b/g;
  const documented = named(page('options.md') + page('workers.md'), variable);
  expect(named(manifests, variable).filter((name) => !documented.includes(name))).toEqual([]);
});

it('dashboard, alerts and scaling ask only for metrics that the page of metrics lists', () => {
  const metric = /\bblockpruner_[a-z_]+[a-z]\b/g;
  const documented = named(page('metrics.md'), metric);
  const asked = named(manifests, metric)
    .filter((name) => !/^blockpruner_(process|nodejs)_/.test(name)) // those of every Node program
    .map((name) => name.replace(/_bucket$/, ''));
  expect(asked.length).toBeGreaterThan(20);
  expect(asked.filter((name) => !documented.includes(name))).toEqual([]);
});

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
