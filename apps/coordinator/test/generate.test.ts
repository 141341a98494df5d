import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CHECKPOINT_CACHE,
  descendants,
  SMOLLM2_GGUF,
  TINY_MODELS,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGone, BLOCKPRUNER, errorLine, PRUNE, read, run, start, workspace } from './command.ts';

interface Printed {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly end: string;
}

const TIMEOUT_MS = 120_000;

describe('blockpruner generate', { timeout: TIMEOUT_MS }, () => {
  const SMOLLM2 = ['generate', '--model', SMOLLM2_GGUF, '--cache-dir', CHECKPOINT_CACHE, '--threads', '1'];
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
  });
  afterAll(() => folder.remove());

  const generate = (...args: string[]) => run([...SMOLLM2, ...args], folder.path);
  const printed = async (...args: string[]): Promise<Printed> =>
    JSON.parse((await generate('--json', ...args)).stdout) as Printed;

  it('streams the text that it tells as JSON, the same each time', async () => {
    const prompt = ['--prompt', 'The capital of France is', '--max-tokens', '12'];
    const whole = await printed(...prompt);
    expect(whole).toMatchObject({ promptTokens: 5, newTokens: 12, end: 'max-tokens' });
    expect(whole.tokenIds).toHaveLength(12);
    const { stdout, lastLine, code } = await generate(...prompt);
    expect([code, stdout]).toEqual([0, `${whole.text}\n`]);
    expect(lastLine).toMatch(
      /5 tokens of prompt in .* tokens\/s\), 12 generated in .* tokens\/s\), ended by --max-tokens/,
    );
  });

  it('leaves special tokens out of the text, not out of the token ids', async () => {
    const { vocabSize } = TINY_MODELS['llama-gqa-untied'];
    const ids = Array.from({ length: vocabSize }, (_, id) => id);
    const special = ids.filter((id) => id % 3 > 0);
    const word = (id: number): string => (id % 3 > 0 ? `<|${id}|>` : `w${id}`);
    const addedToken = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const tokenizer = {
      version: '1.0',
      added_tokens: special.map((id) => ({ id, content: word(id), ...addedToken })),
      pre_tokenizer: { type: 'WhitespaceSplit' },
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(ids.map((id) => [word(id), id])),
        unk_token: word(0),
      },
    };
    writeFileSync(join(folder.path, 'model/tokenizer.json'), JSON.stringify(tokenizer));
    const options = ['--model', 'model', '--prompt', 'a', '--max-tokens', '30', '--temperature', '2'];
    const ended = await run(['generate', ...options, '--json'], folder.path);
    rmSync(join(folder.path, 'model/tokenizer.json'));
    expect(ended.code, ended.stderr).toBe(0);
    const { text, tokenIds } = JSON.parse(ended.stdout) as Printed;
    const said = tokenIds.filter((id) => id % 3 === 0);
    expect(said.length).toBeGreaterThan(0);
    expect(said.length).toBeLessThan(tokenIds.length);
    expect(text).toBe(said.map(word).join(' '));
  });

  it('answers a chat, up to the token that ends a turn', async () => {
    const answer = await printed('--chat', '--prompt', 'Say hello.', '--max-tokens', '200');
    expect(answer.end).toBe('stop-token');
    expect(answer.text).not.toContain('<|im_end|>');
    expect(answer.promptTokens).toBeGreaterThan(20);
  });

  it('leaves blocks out, draws by a seed, and reads the prompt from standard input', async () => {
    const from = ['--max-tokens', '8', '--prompt', 'Once upon a time'];
    const dense = await printed(...from);
    expect((await printed(...from, '--mask', 'mha.0+mlp.0')).tokenIds).not.toEqual(dense.tokenIds);
    const drawn = await printed(...from, '--temperature', '1.5', '--seed', '3');
    expect(drawn.tokenIds).not.toEqual(dense.tokenIds);
    const child = spawn(BLOCKPRUNER, [...SMOLLM2, '--json', '--max-tokens', '8', '--prompt', '-'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.end('Once upon a time');
    let stdout = '';
    for await (const chunk of child.stdout) stdout += String(chunk);
    expect((JSON.parse(stdout) as Printed).tokenIds).toEqual(dense.tokenIds);
  });

  it('runs the model that a run has led to', async () => {
    const { code } = await run(
      [...PRUNE, '--remove', '2', '--output', 'run', '--workers', 'local:1'],
      folder.path,
    );
    expect(code).toBe(0);
    const ended = await run(['generate', '--model', 'run@9', '--prompt', 'a'], folder.path);
    expect(errorLine(ended)).toMatch(/^run has models of 0 to 2 removed blocks, not of 9/);
    expect(ended.code).toBe(2);
    const without = await run(['generate', '--model', 'run@2', '--prompt', 'a'], folder.path);
    expect(errorLine(without)).toMatch(
      /model\/tokenizer\.json: no such file, and a text needs a tokenizer; put the tokenizer\.json of the model there$/,
    );
    expect(without.stderr).not.toContain('model loaded');
    const { mask } = JSON.parse(read(folder, 'run/result.json')) as { mask: string };
    const [first] = mask.split('+');
    const again = await run(['generate', '--model', 'run@2', '--prompt', 'a', '--mask', first], folder.path);
    expect(errorLine(again)).toBe(`run@2 lacks ${first} already: leave it out of --mask`);
    expect(again.code).toBe(2);
  });

  it.each([
    [['--prompt', 'a', '--mask', 'mha'], 2, /^--mask mha: "mha" is not a block/],
    [['--prompt', 'a', '--mask', 'mha.1', '--mask', 'mha.2'], 2, /^--mask is given 2 times/],
    [['--prompt', 'a', '--top-p', '0'], 2, /^--top-p must be a number above 0, at most 1/],
    [[], 2, /^--prompt is missing/],
  ])('refuses %j', async (args, code, reason) => {
    const ended = await run(['generate', '--model', 'model', ...args], folder.path);
    expect(errorLine(ended)).toMatch(reason);
    expect(ended.code).toBe(code);
  });

  it('refuses a block that the model has not', async () => {
    const ended = await generate('--prompt', 'a', '--mask', 'mha.40');
    expect(errorLine(ended)).toMatch(/^block mha\.40 does not exist/);
    expect(ended.code).toBe(2);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const command = start([...SMOLLM2, '--prompt', 'Once', '--max-tokens', '4000'], folder.path);
    await command.says('model loaded');
    const below = descendants(command.pid);
    expect(below.length).toBeGreaterThan(0);
    command.kill('SIGINT');
    expect((await command.endsSoon()).code).toBe(130);
    await allGone(below);
  });
});
