import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCKPRUNER, errorLine, PRUNE, read, run, start, workspace, type Ended } from './command.ts';

const WORKERS = ['--workers', 'local:1'];

interface ExportJson {
  readonly layers: number;
  readonly parameters: number;
  readonly sourceParameters: number;
  readonly checked: { rows: number; by: string; differenceNats: number } | null;
}

describe('an export', () => {
  let folder: TemporaryFolder;
  const at = (...parts: string[]): string => join(folder.path, ...parts);
  const exported = (output: string, ...options: string[]): Promise<Ended> =>
    run(['export', 'run', '--output', output, '--json', ...WORKERS, ...options], folder.path);

  /** Scores of the dense model and one mask, each row. */
  async function scores(model: string, mask = 'dense'): Promise<number[]> {
    const masks = mask === 'dense' ? [] : ['--mask', mask];
    const { code, stdout, stderr } = await run(
      ['score', '--model', model, '--calibration', 'rows.json', '--json', ...WORKERS, ...masks],
      folder.path,
    );
    expect(code, stderr).toBe(0);
    const { dense, masks: others } = JSON.parse(stdout) as Record<'dense', { rows: number[] }> & {
      masks: { rows: number[] }[];
    };
    return (others.at(0) ?? dense).rows;
  }

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    // An attention-only layer, and the last without its feed-forward block.
    const start = ['--start-mask', 'mlp.1+mlp.3', '--keep', 'mha.0'];
    const ended = await run(
      [...PRUNE, ...WORKERS, ...start, '--remove', '2', '--output', 'run'],
      folder.path,
    );
    expect(ended.code, ended.stderr).toBe(0);
  });
  afterAll(() => folder.remove());

  const mask = (): string => (JSON.parse(read(folder, 'run/result.json')) as { mask: string }).mask;

  it.each([
    ['hf', 'auto', 0],
    ['hf', 'fp16', 5e-3],
    ['gguf', 'auto', 0],
    ['gguf', 'fp16', 5e-3],
  ])('to %s in %s is a model with the scores of the search', async (to, dtype, tolerance) => {
    const output = `${to}-${dtype}`;
    const { code, stdout, stderr } = await exported(output, '--to', to, '--dtype', dtype);
    expect(code, stderr).toBe(0);
    const { checked, parameters, sourceParameters } = JSON.parse(stdout) as ExportJson;
    expect(checked?.differenceNats).toBeLessThanOrEqual(tolerance);
    expect(parameters).toBeLessThan(sourceParameters);
    const expected = await scores('model', mask());
    const found = await scores(output);
    expected.forEach((score, row) => {
      expect(Math.abs(score - found[row])).toBeLessThanOrEqual(Math.max(tolerance, 1e-6));
    });
    expect(read(folder, `${output}/README.md`)).toContain(`\`${mask()}\``);
    expect(existsSync(at(`${output}.incomplete`))).toBe(false);
  });

  it('to onnx is that with a graph, which is what was checked', async () => {
    const { code, stdout, stderr } = await exported('graph', '--to', 'onnx');
    expect(code, stderr).toBe(0);
    const { checked } = JSON.parse(stdout) as ExportJson;
    expect(checked).toMatchObject({ rows: 4, by: 'its own graph' });
    expect(checked?.differenceNats).toBeLessThan(1e-5);
    expect(JSON.parse(read(folder, 'graph/genai_config.json'))).toMatchObject({ model: { type: 'llama' } });
    expect(await scores('graph')).toEqual(await scores('model', mask()));
  });

  it('to onnx in int4 is a graph with weights of its own', async () => {
    const { code, stdout, stderr } = await exported('int4', '--to', 'onnx', '--dtype', 'int4');
    expect(code, stderr).toBe(0);
    const { checked } = JSON.parse(stdout) as ExportJson;
    expect(checked).toMatchObject({ by: 'its own graph' });
    expect(checked?.differenceNats).toBeGreaterThan(0);
    expect(readdirSync(at('int4'))).not.toContain('model.safetensors');
  });

  it('that is healed has other weights, and says what that does on rows that it was not measured on', async () => {
    const { code, stdout, stderr } = await exported('healed', '--heal');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ checked: { rows: 2 } });
    expect(stderr).toMatch(
      /on 2 rows that it was not measured on, healing takes the score from [\d.]+ to [\d.]+ nats/,
    );
    expect(read(folder, 'healed/README.md')).toContain('healed: the residual stream is scaled in 4 places');
    expect(await scores('healed')).not.toEqual(await scores('model', mask()));
  });

  it('is a model that can be pruned again, of which the removed blocks are no candidates', async () => {
    await exported('first', '--at', '3');
    const again = await run(
      [
        'prune',
        '--model',
        'first',
        '--calibration',
        'rows.json',
        ...WORKERS,
        '--remove',
        '1',
        '--output',
        'second',
      ],
      folder.path,
    );
    expect(again.code, again.stderr).toBe(0);
    const result = JSON.parse(read(folder, 'second/result.json')) as Record<string, unknown>;
    const { absentBlocks } = result as { absentBlocks: string };
    const [first] = read(folder, 'second/iterations.jsonl').split('\n');
    const { candidates } = JSON.parse(first) as { candidates: { block: string }[] };
    expect(candidates.map(({ block }) => block)).not.toContain(absentBlocks);
    expect(candidates).toHaveLength(5);
    const mask = ['score', '--model', 'first', '--calibration', 'rows.json', '--mask', absentBlocks];
    const refused = await run(mask, folder.path);
    expect(refused.code).toBe(2);
    expect(errorLine(refused)).toContain(`the model has no ${absentBlocks}: it was made without`);
    const third = await run(
      ['export', 'second', '--output', 'third', '--json', ...WORKERS, '--to', 'gguf'],
      folder.path,
    );
    expect(third.code, third.stderr).toBe(0);
  });

  it('with --compat keeps the architecture', async () => {
    const { stdout, code, stderr } = await exported('compat', '--compat');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ layers: 4, checked: { differenceNats: 0 } });
    expect(JSON.parse(read(folder, 'compat/config.json'))).toMatchObject({ model_type: 'llama' });
    expect(stderr).toContain('nothing is smaller or faster');
  });

  it('to mask writes the lists that other tools read, which start a run with the same blocks gone', async () => {
    const { code } = await exported('lists', '--to', 'mask');
    expect(code).toBe(0);
    expect(read(folder, 'lists/removal-order.json')).toBe(read(folder, 'run/removal-order.json'));
    for (const file of readdirSync(at('lists'))) {
      const dryRun = await run(
        [...PRUNE, '--start-mask', `lists/${file}`, '--remove', '1', '--dry-run', '--json'],
        folder.path,
      );
      expect(dryRun.code, dryRun.stderr).toBe(0);
    }
  });

  it('of the dense model is before the start mask', async () => {
    const { code } = await exported('none', '--to', 'mask', '--at', '0');
    expect(code).toBe(0);
    expect(JSON.parse(read(folder, 'none/removal-order.json'))).toEqual({});
  });

  it.each([
    [['export', 'run@3', '--output', 'x'], 'run@3 is a size of a run, and a run is wanted: give run --at 3'],
    [
      ['export', 'run', '--model', 'run@3', '--output', 'x'],
      'run@3 is a size of a run, and a model is wanted: name what blockpruner export makes of it',
    ],
    [
      ['generate', '--model', 'run@x', '--prompt', 'a'],
      'run@x: behind the @ of a run is how many of its blocks are gone, a whole number; got "x"',
    ],
    [
      ['generate', '--model', 'run', '--prompt', 'a'],
      'run is a run folder: say how many of its blocks are gone, as in run@4',
    ],
    [
      ['export', 'run', '--output', 'rows.json/x'],
      '--output ROOT/rows.json/x: a part of the path is a file: name a folder that may be made',
    ],
  ])('%j is refused', async (command, reason) => {
    const ended = await run(command, folder.path);
    expect(ended.code).toBe(2);
    expect(errorLine(ended)).toBe(reason.replace('ROOT', folder.path));
  });

  it('that cannot be told of fails', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(BLOCKPRUNER, ['export', 'run', '--to', 'mask', '--output', 'untold'], {
      cwd: folder.path,
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    const [stderr] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
    expect(child.exitCode).toBe(1);
    expect(stderr).toMatch(
      /error: the result cannot be written to standard output \(ENOSPC\): write it to another place\n$/,
    );
  });

  it.each([
    [
      ['--to', 'gguf', '--dtype', 'bf16'],
      '--dtype bf16 does not go with --to gguf: that takes auto, fp32, fp16, q8_0',
    ],
    [['--to', 'gguf', '--compat'], '--compat is of --to hf'],
    [['--to', 'mask', '--dtype', 'fp16'], '--dtype fp16 does not go with --to mask'],
    [['--at', '0', '--heal'], '--heal is for what removed blocks leave, and at 0 none is gone: leave it out'],
    [['--to', 'mask', '--heal'], '--heal changes weights, which --to mask leaves as they are'],
    [['--memory-limit', '10MiB'], '--memory-limit 10MiB leaves 10.0 MiB for each of 1 worker'],
    [['--to', 'exl2'], '--to must be hf, onnx, gguf or mask'],
    [
      ['--at', '7'],
      'run has models of 2 to 4 removed blocks, not of 7; take it further with: blockpruner resume run --remove 5',
    ],
  ])('is refused with %j', async (options, reason) => {
    const ended = await exported('refused', ...options);
    expect(ended.code).toBe(2);
    expect(errorLine(ended)).toContain(reason);
    expect(existsSync(at('refused'))).toBe(false);
    expect(existsSync(at('refused.incomplete'))).toBe(false);
  });

  it('never takes a folder that is not its own', async () => {
    mkdirSync(at('taken'));
    writeFileSync(at('taken/notes.txt'), 'mine');
    const ended = await exported('taken');
    expect(ended.code).toBe(2);
    expect(errorLine(ended)).toContain('exists and is not empty');
    expect(read(folder, 'taken/notes.txt')).toBe('mine');
  });

  it('to onnx of weights in fp16 computes in fp16, and is checked as that', async () => {
    const other = await workspace('llama-fp16-v5-config');
    const search = await run([...PRUNE, ...WORKERS, '--remove', '2', '--output', 'run'], other.path);
    expect(search.code, search.stderr).toBe(0);
    const ended = await run(['export', 'run', '--to', 'onnx', '--output', 'graph', '--json'], other.path);
    other.remove();
    expect(ended.code, ended.stderr).toBe(0);
    const { checked } = JSON.parse(ended.stdout) as ExportJson;
    expect(checked?.differenceNats).toBeGreaterThan(1e-5);
  });

  it('of another model than that of the run is refused', async () => {
    const other = await workspace('llama-mha-tied');
    const ended = await exported('other', '--model', join(other.path, 'model'));
    other.remove();
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toContain('the run was created with');
  });

  it('of a model that has moved is of the one that --model names', async () => {
    renameSync(at('model'), at('moved'));
    const gone = await exported('moved-export');
    expect(gone.code).toBe(1);
    expect(errorLine(gone)).toBe(
      `run: its model ${at('model')} is not there any more: say where it is now with --model`,
    );
    const { code, stderr } = await exported('moved-export', '--model', 'moved', '--no-check');
    renameSync(at('moved'), at('model'));
    expect(code, stderr).toBe(0);
  });

  it('that the format cannot express is refused before healing is measured', async () => {
    const other = await workspace('mistral-window');
    const { code } = await run([...PRUNE, ...WORKERS, '--remove', '1', '--output', 'run'], other.path);
    expect(code).toBe(0);
    const ended = await run(
      ['export', 'run', '--heal', '--output', 'healed', '--log-level', 'debug'],
      other.path,
    );
    other.remove();
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toContain('export --to hf --compat');
    expect(ended.stderr).not.toContain('factor measured');
  });

  it('in fp16 of a weight beyond it is refused before a byte is written, with the types that can', async () => {
    const other = await workspace('llama-gqa-untied');
    const file = join(other.path, 'model/model.safetensors');
    const bytes = readFileSync(file);
    bytes.writeFloatLE(70_000, bytes.length - 4);
    writeFileSync(file, bytes);
    const { code } = await run([...PRUNE, ...WORKERS, '--remove', '1', '--output', 'run'], other.path);
    expect(code).toBe(0);
    const ended = await run(['export', 'run', '--dtype', 'fp16', '--output', 'half'], other.path);
    const left = readdirSync(other.path).filter((name) => name.startsWith('half'));
    other.remove();
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toMatch(
      /of lm_head\.weight is 70000, and fp16 ends at 65504: give --dtype bf16 or fp32$/,
    );
    expect(left).toEqual([]);
  });

  it('never takes a folder in the place of its own', async () => {
    mkdirSync(at('given.incomplete'));
    writeFileSync(at('given.incomplete/notes.txt'), 'mine');
    const ended = await exported('given', '--heal');
    expect(ended.code).toBe(2);
    expect(errorLine(ended)).toContain('given.incomplete: is not of an interrupted export: move it away');
    expect(read(folder, 'given.incomplete/notes.txt')).toBe('mine');
  });

  it('removes the decoded copy that a check has left which was killed', async () => {
    const cache = ['--cache-dir', 'cache'];
    const checks = (): string[] => readdirSync(at('cache')).filter((name) => name.startsWith('check-'));
    const killed = start(
      ['export', 'run', '--to', 'gguf', '--dtype', 'q8_0', '--output', 'killed', ...WORKERS, ...cache],
      folder.path,
    );
    await killed.says('worker ready');
    killed.killAll();
    await killed.ended;
    expect(checks()).toHaveLength(2);
    const ended = await exported('killed', '--to', 'gguf', '--dtype', 'q8_0', ...cache);
    expect(ended.code, ended.stderr).toBe(0);
    expect(checks()).toEqual([]);
  });

  it('that is interrupted keeps its place, and gets no name', async () => {
    const command = start(['export', 'run', '--output', 'late', ...WORKERS], folder.path);
    await command.says('worker ready');
    command.kill('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('what was written stays, and the same command goes on with it');
    expect(existsSync(at('late'))).toBe(false);
    expect(existsSync(at('late.incomplete/model.safetensors'))).toBe(true);
    const again = await exported('late');
    expect(again.code, again.stderr).toBe(0);
  });
});
