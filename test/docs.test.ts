import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import {
  temporaryFolder,
  TINY_MODELS,
  tinyReferenceRows,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codes, page, ROOT, table } from './pages.ts';
import { wordTokenizer } from './word-tokenizer.ts';

const BIN = join(ROOT, 'apps/coordinator/bin');
const PAGES = globSync('{*.md,docs/**/*.md,tools/**/*.md}', { cwd: ROOT }).sort();
const COMMANDS = [
  'prune',
  'score',
  'generate',
  'bench',
  'resume',
  'verify',
  'calibration inspect',
  'status',
  'pick',
  'export',
  'list',
  'doctor',
  'worker',
];
const OPTION = /^ {2}(?:-\w, )?(--[\w-]+(?: <[^>]+>)?) {2,}(.*)$/gm;

interface Option {
  /** As in the help: the flag, and what follows it. */
  readonly usage: string;
  readonly description: string;
  readonly environment: string;
  readonly default: string;
}

function optionOf([, usage, text]: RegExpMatchArray): Option {
  const inParentheses = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';
  return {
    usage,
    description: text.replace(/ \((?:env:? |default: ).*/, ''),
    environment: inParentheses(/\benv:? (BLOCKPRUNER_\w+)/),
    default: inParentheses(/\(.*default: "?([^);]*?)"?(?:, env|\))/).replace(homedir(), '~'),
  };
}

/** The options that a command's help lists, by flag. */
function helpOf(command: string): Map<string, Option> {
  const text = execFileSync(join(BIN, 'blockpruner'), [...command.split(' '), '--help'], {
    encoding: 'utf8',
  });
  const options = [...text.replaceAll(/\n {20,}/g, ' ').matchAll(OPTION)].map(optionOf);
  return new Map(options.map((option) => [option.usage.split(' ')[0], option]));
}

/** The shell blocks of a page; those fenced as `sh run` need nothing but a small model. */
function blocks(file: string): { isRun: boolean; script: string }[] {
  const fences = page(file).matchAll(/^```sh( run)?\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, run, script]) => ({ isRun: run !== undefined, script }));
}

/** Every `blockpruner <command> ...` of a page's blocks and of its running text, as words. */
function commands(file: string): string[][] {
  const lines = blocks(file).flatMap(({ script }) => script.split('\n'));
  const spans = [...page(file).matchAll(/`((?:npx )?blockpruner [^`]+)`/g)].map(([, span]) => span);
  return [...lines, ...spans]
    .map((text) => text.replace(/\s+#.*/, '').match(/^(?:npx )?blockpruner (.+)$/s)?.[1])
    .filter((words) => words !== undefined)
    .map((words) => {
      const command = COMMANDS.find((name) => words.startsWith(name)) ?? words.split(' ')[0];
      return [command, ...words.slice(command.length).trim().split(/\s+/)];
    });
}

const names = (file: string, above: string): string[] =>
  table(file, above).flatMap(([first]) => codes(first));

/** As a heading's anchor is made from its text. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

function links(file: string): { path: string; anchor: string | undefined }[] {
  return [...page(file).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)/g)].map(([, link, target]) => ({
    path: link === '' ? file : normalize(join(dirname(file), link)),
    anchor: target,
  }));
}

describe('the pages', () => {
  const help = new Map<string, Map<string, Option>>();
  beforeAll(() => COMMANDS.forEach((command) => help.set(command, helpOf(command))), 60_000);

  it.each(PAGES)('%s links only to what is there', (file) => {
    const dead = links(file).filter(({ path, anchor: target }) => {
      if (!existsSync(join(ROOT, path))) return true;
      if (target === undefined) return false;
      return ![...page(path).matchAll(/^#+ (.+)$/gm)].some(([, heading]) => anchor(heading) === target);
    });
    expect(dead).toEqual([]);
  });

  it('can all be reached from the README', () => {
    const found = new Set(['README.md']);
    for (const file of found) {
      if (!file.endsWith('.md')) continue;
      for (const { path } of links(file)) {
        found.add(path);
        for (const inside of globSync(`${path}/*.md`, { cwd: ROOT })) found.add(inside);
      }
    }
    expect(PAGES.filter((file) => !found.has(file) && file !== 'CHANGELOG.md')).toEqual([]);
  });

  it('use only commands and flags that there are', () => {
    const used = PAGES.flatMap(commands);
    expect(used.length).toBeGreaterThan(20);
    const strays = used.flatMap(([command, ...words]) => {
      if (command === '<command>') return [];
      const known = help.get(command);
      return words
        .filter((word) => word.startsWith('--') && word !== '--help' && !known?.has(word))
        .concat(known ? [] : [''])
        .map((word) => `${command} ${word}`);
    });
    expect(strays).toEqual([]);
  });

  it('name only npm scripts and test projects that there are', () => {
    const { scripts } = JSON.parse(page('package.json')) as { scripts: Record<string, string> };
    const manifests = globSync('{apps,libs}/*/package.json', { cwd: ROOT }).map((file) => page(file));
    const projects = manifests.map((text) => (JSON.parse(text) as { name: string }).name);
    const text = PAGES.map(page).join('\n');
    const named = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named(/npm run ([\w-]+)/g)));
    expect([...projects, 'workspace']).toEqual(expect.arrayContaining(named(/--project ([@\w/-]+)/g)));
  });

  it('name every project', () => {
    const folders = globSync('{apps,libs}/*', { cwd: ROOT });
    const listed = table('CONTRIBUTING.md', '## Where things are').map(([project]) => project);
    expect(listed.sort()).toEqual(folders.sort());
  });

  it('list every option with its environment variable, key, default and description', () => {
    // What two commands have under one name is described as `prune` has it.
    const real = ['export', 'generate', 'bench', 'score', 'verify', 'prune']
      .flatMap((command) => [...(help.get(command) ?? [])])
      .filter(([flag]) => flag !== '--help');
    const documented = table('docs/options.md', '# Options');
    expect(documented.map(([usage]) => codes(usage)[0]).sort()).toEqual(
      [...new Set(real.map(([, { usage }]) => usage))].sort(),
    );
    for (const [usage, environment, key, value, what] of documented) {
      const flag = codes(usage)[0].split(' ')[0];
      const option = new Map(real).get(flag);
      expect([flag, codes(environment)[0]]).toEqual([flag, option?.environment]);
      expect([flag, codes(key)[0] ?? 'config']).toEqual([flag, flag.slice(2)]);
      const plain = value.replaceAll('&lt;', '<').replaceAll('&gt;', '>');
      expect([flag, plain]).toEqual([flag, option?.default]);
      expect(what.startsWith(option?.description ?? flag), what).toBe(true);
    }
  });

  it('say which command takes which options', () => {
    const rows = table('docs/options.md', '## Which command takes which');
    expect(rows.map(([command]) => codes(command)[0]).sort()).toEqual(
      COMMANDS.filter((name) => name !== 'worker').sort(),
    );
    for (const [command, options] of rows) {
      const taken = [...(help.get(codes(command)[0]) ?? new Map()).keys()].filter(
        (flag) => flag !== '--help',
      );
      const all = names('docs/options.md', '# Options').map((usage) => usage.split(' ')[0]);
      const listed = options.startsWith('all but')
        ? all.filter((flag) => !codes(options).includes(flag))
        : codes(options);
      expect([command, listed.sort()]).toEqual([command, taken.sort()]);
    }
  });

  it('list every option of a worker', () => {
    const documented = table('docs/workers.md', '## On other machines');
    const real = [...(help.get('worker')?.values() ?? [])].filter(({ usage }) => usage !== '--help');
    expect(
      documented.map(([usage, environment, value, what]) => ({
        usage: codes(usage)[0],
        description: what,
        environment: codes(environment)[0] ?? '',
        default: value,
      })),
    ).toEqual(real);
  });
});

describe('what the pages tell to run', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = temporaryFolder();
    const model = join(folder.path, 'my-model');
    await writeTinyModel(model, TINY_MODELS['llama-gqa-untied']);
    const text = PAGES.map(page).join('\n');
    writeFileSync(join(folder.path, 'book.txt'), text);
    writeFileSync(
      join(model, 'tokenizer.json'),
      wordTokenizer(text, TINY_MODELS['llama-gqa-untied'].vocabSize),
    );
    const rows = tinyReferenceRows('llama-gqa-untied').map((row) => [...row]);
    writeFileSync(join(folder.path, 'rows.json'), JSON.stringify(rows));
  });
  afterAll(() => folder.remove());

  /** Runs the page's blocks in order, each as one script that ends with the first failure. */
  function runBlocks(file: string): void {
    const runnable = blocks(file).filter(({ isRun }) => isRun);
    for (const { script } of runnable) {
      const output = execFileSync('sh', ['-euc', `npx() { "$@"; }\n${script}`], {
        cwd: folder.path,
        env: { ...process.env, PATH: `${BIN}:${process.env.PATH}`, HOME: folder.path },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      expect(output).not.toBe('');
    }
  }

  const run = (): string => join(folder.path, 'runs/my-run');
  const read = (file: string, path = run()): string => readFileSync(join(path, file), 'utf8');
  /** The fields that the second has and the first has not. */
  const added = (first: object, second: object): string[] =>
    Object.keys(second).filter((field) => !Object.keys(first).includes(field));
  const lines = (file: string, path = run()): Record<string, unknown>[] =>
    read(file, path)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  const RUNNABLE = PAGES.filter((file) => blocks(file).some(({ isRun }) => isRun));
  it.each(RUNNABLE)('works: %s', { timeout: 180_000 }, (file) => runBlocks(file));

  it('leaves the files and fields that docs/run-folder.md describes', () => {
    const file = 'docs/run-folder.md';
    const described = names(file, '## Files').filter((name) => name !== 'owner.json');
    expect(readdirSync(run()).sort()).toEqual(described.sort());

    const logged = lines('log.jsonl').filter(({ msg }) => msg === 'iteration');
    expect(logged).toHaveLength(3);
    const { level, time, pid, hostname, msg, ...fields } = logged[0];
    expect([level, msg].concat([time, pid, hostname].map((value) => typeof value))).toEqual([
      30,
      'iteration',
      'string',
      'number',
      'string',
    ]);
    expect(Object.keys(fields)).toEqual(names(file, '## The iteration line'));

    expect(Object.keys(lines('iterations.jsonl')[0])).toEqual(names(file, '## iterations.jsonl'));
    const result = JSON.parse(read('result.json')) as Record<string, unknown>;
    expect(Object.keys(result).sort()).toEqual(names(file, '## result.json').sort());
    const parted = join(folder.path, 'runs/two-sets');
    const more = lines('log.jsonl', parted).find(({ msg }) => msg === 'iteration') ?? {};
    const keys: Record<string, string[]> = {
      'the iteration line': added(logged[0], more),
      'iterations.jsonl': added(lines('iterations.jsonl')[0], lines('iterations.jsonl', parted)[0]),
      'result.json': added(result, JSON.parse(read('result.json', parted)) as object),
    };
    const listed = table(file, '## Several sets and held-out rows');
    for (const [where, fieldsThere] of Object.entries(keys)) {
      const rows = listed.filter(([place]) => place.replaceAll('`', '') === where);
      expect([where, rows.flatMap(([, field]) => codes(field))]).toEqual([where, fieldsThere]);
    }

    const kinds = lines('journal.jsonl').map(({ event }) => (event as { kind: string }).kind);
    expect(names(file, '## journal.jsonl')).toEqual(expect.arrayContaining([...new Set(kinds)]));
  });
});
