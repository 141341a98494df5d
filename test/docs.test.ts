import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const BLOCKPRUNER = join(ROOT, 'apps/coordinator/bin/blockpruner');
const PAGES = globSync('{*.md,docs/**/*.md,tools/**/*.md}', { cwd: ROOT });

const page = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const blockpruner = (args: string[], cwd = ROOT): string =>
  execFileSync(BLOCKPRUNER, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** The commands of a page's shell blocks: `run` are those that are run here, the others need another machine. */
function commands(file: string): { args: string[]; isRun: boolean }[] {
  return [...page(file).matchAll(/^```sh( run)?\n([\s\S]*?)^```$/gm)].flatMap(([, run, block]) =>
    block
      .split('\n')
      .filter((line) => line.startsWith('npx blockpruner '))
      .map((line) => ({
        args: line
          .replace(/\s+#.*/, '')
          .split(/\s+/)
          .slice(2),
        isRun: run !== undefined,
      })),
  );
}

/** First column of the table below a heading of the page, without backquotes. */
function column(file: string, heading: string): string[] {
  const table =
    page(file)
      .split(heading)[1]
      .match(/(?:^\|.*\n)+/m)?.[0] ?? '';
  return table
    .split('\n')
    .slice(2, -1)
    .map((line) => line.split('|')[1].trim().replaceAll('`', ''));
}

describe('the pages', () => {
  it.each(PAGES)('%s links only to what is there', (file) => {
    const links = [...page(file).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link);
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(file), link)))).toEqual([]);
  });

  it('use only commands and flags that there are', { timeout: 60_000 }, () => {
    const used = PAGES.flatMap((file) => commands(file)).map(({ args }) => args);
    expect(used.length).toBeGreaterThan(8);
    const strays = used.flatMap(([command, ...args]) => {
      const help = blockpruner([command, '--help']);
      return args
        .filter((arg) => arg.startsWith('--') && !help.includes(arg))
        .map((flag) => `${command} ${flag}`);
    });
    expect(strays).toEqual([]);
  });

  it('list every option with its default', { timeout: 60_000 }, () => {
    const rows = page('docs/options.md').match(/^\| `--.*$/gm) ?? [];
    const documented = rows.map((row) =>
      row
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
    const help = ['prune', 'score']
      .map((command) => blockpruner([command, '--help']))
      .join('\n')
      .replaceAll(/\n {20,}/g, ' ');
    const real = new Map(
      [...help.matchAll(/^ {2}(--[\w-]+(?: <[^>]+>)?) {2,}(.*)$/gm)].map(([, option, text]) => [
        option,
        text,
      ]),
    );
    expect(documented.map(([option]) => option).sort()).toEqual([...real.keys()].sort());
    for (const [option, value] of documented) {
      const stated = /\(default: "?(.*?)"?(?:, env:|\))/.exec(real.get(option) ?? '')?.[1] ?? '';
      if (stated !== '' && option !== '--cache-dir <folder>')
        expect([option, value]).toEqual([option, stated]);
    }
  });
});

describe('what the pages tell to run', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(join(folder.path, 'my-model'), TINY_MODELS['llama-gqa-untied']);
    const rows = tinyReferenceRows('llama-gqa-untied').map((row) => [...row]);
    writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(rows));
  });
  afterAll(() => folder.remove());

  it('works', { timeout: 180_000 }, () => {
    const runnable = PAGES.flatMap((file) => commands(file)).filter(({ isRun }) => isRun);
    expect(runnable.length).toBeGreaterThan(5);
    for (const { args } of runnable) expect(blockpruner(args, folder.path)).not.toBe('');
  });

  it('leaves the files that are described, and the iteration line with the fields that are described', () => {
    const run = join(folder.path, 'runs/first');
    const described = column('docs/run-folder.md', 'for the model and the calibration file it names.');
    expect(readdirSync(run).sort()).toEqual(described.filter((file) => file !== 'owner.json').sort());
    const lines = readFileSync(join(run, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    const iteration = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ msg }) => msg === 'iteration');
    const pinoFields = ['level', 'time', 'pid', 'hostname', 'msg'];
    expect(Object.keys(iteration ?? {}).filter((key) => !pinoFields.includes(key))).toEqual(
      column('docs/run-folder.md', 'and always these fields:'),
    );
  });
});
