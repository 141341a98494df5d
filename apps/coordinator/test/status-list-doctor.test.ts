import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PRUNE, run, start, workspace, type Command } from './command.ts';

interface Listed {
  readonly folder: string;
  readonly state: string;
  readonly decisions?: number;
  readonly problem?: string;
}

describe('status and list', () => {
  let folder: TemporaryFolder;
  let running: Command;
  const at = (name: string): string => join(folder.path, 'runs', name);

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    mkdirSync(join(folder.path, 'runs'));
    const prune = (output: string, ...workers: string[]): string[] => [
      ...PRUNE,
      ...['--remove', '2', ...workers, '--output', `runs/${output}`],
    ];
    expect((await run(prune('c-finished', '--workers', 'local:2'), folder.path)).code).toBe(0);
    cpSync(at('c-finished'), at('b-stopped'), { recursive: true });
    const lines = readFileSync(at('b-stopped/journal.jsonl'), 'utf8').split('\n');
    const kept = lines.slice(0, lines.findIndex((line) => line.includes('"kind":"decision"')) + 1);
    writeFileSync(at('b-stopped/journal.jsonl'), `${kept.join('\n')}\n`);
    for (const file of ['result.json', 'removal-order.json', 'stats.json']) rmSync(at(`b-stopped/${file}`));
    running = start(prune('a-running', '--listen', '127.0.0.1:0'), folder.path);
    await running.says('waiting for workers');
    cpSync(at('c-finished'), at('d-damaged'), { recursive: true });
    const journal = readFileSync(at('d-damaged/journal.jsonl'));
    writeFileSync(at('d-damaged/journal.jsonl'), journal.fill(0x20, 100, 200));
    mkdirSync(at('e-other'));
    writeFileSync(at('notes.txt'), 'not a run');
  });
  afterAll(() => folder.remove());

  it.each([
    ['a-running', 'running', 0],
    ['b-stopped', 'stopped', 1],
    ['c-finished', 'finished', 2],
  ])('says of %s that it is %s', async (name, state, decisions) => {
    const path = `runs/${name}`;
    const json = await run(['status', path, '--json'], folder.path);
    const report = JSON.parse(json.stdout) as { decisions: { removed: string }[] };
    expect(report).toMatchObject({
      folder: path,
      state,
      config: { stop: { kind: 'remove', count: 2 }, rowTokens: [80, 80, 33, 17, 130] },
    });
    expect(report.decisions).toHaveLength(decisions);
    const text = await run(['status', path], folder.path);
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(new RegExp(`^run +${path}\nstate +${state}`));
    expect(text.stdout.includes(`go on with: blockpruner resume ${path}`)).toBe(state === 'stopped');
    for (const { removed } of report.decisions) expect(text.stdout).toContain(removed);
  });

  it('lists every run of a folder, the unreadable ones with the reason, and nothing else', async () => {
    const json = await run(['list', '--json'], folder.path);
    const listed = JSON.parse(json.stdout) as Listed[];
    expect(listed.map(({ folder: path, state }) => [path, state])).toEqual([
      ['runs/a-running', 'running'],
      ['runs/b-stopped', 'stopped'],
      ['runs/c-finished', 'finished'],
      ['runs/d-damaged', 'unreadable'],
    ]);
    expect(listed[2].decisions).toBe(2);
    expect(listed[3].problem).toContain('journal.jsonl');
    const table = await run(['list', 'runs'], folder.path);
    expect(table.code).toBe(0);
    expect(table.stdout.trimEnd().split('\n')).toHaveLength(2 + listed.length);
  });

  it('leave a running run as it is', async () => {
    running.kill('SIGINT');
    expect((await running.endsSoon()).code).toBe(130);
    const status = await run(['status', 'runs/a-running', '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped' });
  });

  it('lists an empty folder', async () => {
    expect((await run(['list', 'runs/e-other'], folder.path)).stdout).toBe('no runs in runs/e-other\n');
    expect((await run(['list', 'runs/e-other', '--json'], folder.path)).stdout).toBe('[]\n');
  });
});

describe('doctor', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
  });
  afterAll(() => folder.remove());

  it('finds that this machine can compute, and writes nothing', async () => {
    const text = await run(['doctor', '--cache-dir', 'cache'], folder.path);
    expect([text.code, text.stderr]).toEqual([0, '']);
    for (const line of text.stdout.trimEnd().split('\n')) expect(line).toMatch(/^ok {4}\S/);
    const json = await run(['doctor', '--json', '--cache-dir', 'cache'], folder.path);
    const findings = JSON.parse(json.stdout) as { what: string; found: string; ok: boolean }[];
    expect(findings.find(({ what }) => what === 'self-test')).toMatchObject({
      ok: true,
      found: expect.stringContaining('one layer gives 4.158883 nats, 4.158883 expected') as string,
    });
    expect(findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['node', 'onnxruntime', 'numeric class', 'ports', 'cache', 'free disk']),
    );
  });
});

describe('help', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
  });
  afterAll(() => folder.remove());

  it.concurrent.each([
    ['prune', ['Model and data:', 'Search:', 'Workers:', 'Output:'], ['--remove <k>', '(default: 16,']],
    ['resume', ['Workers:', 'Output:'], ['--workers <local:N>', 'folder of a run']],
    ['score', ['Model and data:', 'Search:', 'Workers:', 'Output:'], ['--mask <blocks>']],
    ['status', ['Output:'], ['run folder']],
    ['pick', ['Search:', 'Output:'], ['--output <dir>', 'new file']],
    ['list', ['Output:'], ['(default: "runs")']],
    ['doctor', ['Model and data:', 'Output:'], ['--cache-dir <folder>']],
    ['worker', ['Options:'], ['--connect <host:port>', 'Exit codes:']],
  ])('of %s shows its options in groups, with examples to copy', async (command, groups, texts) => {
    const ended = await run([command, '--help'], folder.path);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    const text = ended.stdout.replaceAll(/\s+/g, ' ');
    for (const part of [...groups, ...texts]) expect(text).toContain(part);
    expect(ended.stdout).toMatch(new RegExp(`Examples:\n +blockpruner ${command}\\b`));
  });

  it('lists every command, the exit codes and the two other ways to give an option', async () => {
    const ended = await run(['--help'], folder.path);
    expect(ended.code).toBe(0);
    for (const text of ['prune', 'resume', 'score', 'status', 'pick', 'list', 'doctor', 'worker']) {
      expect(ended.stdout).toMatch(new RegExp(`^  ${text} `, 'm'));
    }
    expect(ended.stdout).toMatch(/Exit codes: 0 done, 1 failed( \(.*\))?, 2 usage, 130 interrupted\./);
    expect(ended.stdout).toContain('BLOCKPRUNER_SEQ_LEN');
  });

  it.each(['--version', '-V'])('has the version under %s', async (flag) => {
    const ended = await run([flag], folder.path);
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });
});
