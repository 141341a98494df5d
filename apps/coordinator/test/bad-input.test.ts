import {
  appendFileSync,
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, run, workspace } from './command.ts';

describe('a command that cannot be carried out', () => {
  let folder: TemporaryFolder;
  let before: string[];

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    for (const name of ['missing', 'truncated', 'unknown', 'misshapen', 'nan']) {
      cpSync(join(folder.path, 'model'), join(folder.path, name), { recursive: true });
    }
    const at = (...parts: string[]): string => join(folder.path, ...parts);
    rmSync(at('missing', 'model.safetensors'));
    truncateSync(at('truncated', 'model.safetensors'), 100_000);
    edit(at('unknown', 'config.json'), '"llama"', '"mamba"');
    edit(at('misshapen', 'config.json'), '"intermediate_size": 160', '"intermediate_size": 128');
    const { layers } = await openCheckpoint(at('nan'), { cacheFolder: folder.path });
    const weight = layers[2].mlp!.up.weight;
    const file = openSync(weight.file, 'r+');
    writeSync(file, Buffer.from(Float32Array.of(NaN).buffer), 0, 4, weight.offsetBytes + 4 * 7);
    closeSync(file);
    writeFileSync(at('text.txt'), 'Call me Ishmael.');
    writeFileSync(at('beyond.json'), '[[1, 2, 3], [4, 320, 5]]');
    writeFileSync(at('bad.yaml'), 'remove: [1\n');
    writeFileSync(at('unknown-key.yaml'), 'rowz: 3\n');
    writeFileSync(at('bad-value.yaml'), 'rows: many\n');
    writeFileSync(at('both.yaml'), 'remove: 1\nratio: 0.5\n');
    writeFileSync(at('list.yaml'), '- remove\n');
    writeFileSync(at('broken.json'), '[[1, 2, 3]');
    writeFileSync(at('short.json'), '[[1, 2, 3], [4]]');
    before = everything();
  });
  afterAll(() => folder.remove());

  const everything = (): string[] => readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).sort();
  const ONE = ['--remove', '1', '--workers', 'local:1'];
  const model = (name: string): string[] => ['prune', '--model', name, '--calibration', 'rows.json', ...ONE];
  const rows = (name: string): string[] => ['prune', '--model', 'model', '--calibration', name, ...ONE];

  it.concurrent.each<[string, string[], number, RegExp]>([
    [
      'no such model',
      model('nowhere'),
      1,
      /nowhere does not exist: name a Hugging Face folder or a \.gguf file$/,
    ],
    ['safetensors missing', model('missing'), 1, /missing.*model\.safetensors/],
    [
      'safetensors truncated',
      model('truncated'),
      1,
      /truncated\/model\.safetensors: tensor .* ends at byte \d+ of the data, but the file has only \d+/,
    ],
    [
      'an unknown architecture',
      model('unknown'),
      1,
      /model_type "mamba" is not supported: supported are llama, nemotron-nas, mistral, qwen2$/,
    ],
    [
      'shapes that are not those of the config',
      model('misshapen'),
      1,
      /mlp\.\w+_proj\.weight has shape .*config\.json says/,
    ],
    [
      'a NaN in the weights',
      model('nan'),
      1,
      /^mlp\.2 holds a weight that is NaN: element 7 of model\.layers\.2\.mlp\.up_proj\.weight; .*fetch it again$/,
    ],
    ['no such calibration file', rows('nowhere.json'), 1, /nowhere\.json: no such file or folder$/],
    [
      'text without a tokenizer',
      rows('text.txt'),
      1,
      /tokenizer\.json: no such file, and a text needs a tokenizer; give token-id arrays/,
    ],
    [
      'a token id beyond the vocabulary',
      rows('beyond.json'),
      1,
      /element 1, position 1: 320 is not a token id from 0 to 319/,
    ],
    ['calibration that is not JSON', rows('broken.json'), 1, /broken\.json: .*(cut off|not valid JSON)/],
    [
      'a row without a target',
      rows('short.json'),
      1,
      /short\.json: element 1 has 1 token ids; a row has from 2/,
    ],
    [
      'more blocks than there are',
      [...PRUNE, '--remove', '9', '--workers', 'local:1'],
      2,
      /cannot remove 9 blocks: the model has only 8 of block type mix/,
    ],
    [
      'more blocks of a type than there are',
      [...PRUNE, '--remove', '5', '--block-type', 'mha'],
      2,
      /only 4 of block type mha/,
    ],
    ['a ratio out of reach', [...PRUNE, '--ratio', '0.99'], 2, /pruning ratio 0\.99 is out of reach/],
    [
      'a ratio out of reach of what is not kept, of a model whose weights are not read for that',
      ['prune', '--model', 'nan', '--calibration', 'rows.json', '--ratio', '0.8', '--keep', 'layer.0,mlp.3'],
      2,
      /out of reach: the largest ratio of block type mix beside those kept is 0\.5157: give --ratio 0\.5157, or keep fewer/,
    ],
    [
      'a start mask that meets the goal',
      [...PRUNE, '--ratio', '0.1', '--start-mask', 'mha.0+mlp.3'],
      2,
      /the start mask removes ratio 0\.2\d+ of the parameters, which meets --ratio 0\.1/,
    ],
    [
      'a block that is kept and gone',
      [...PRUNE, '--remove', '1', '--keep', 'layer.2', '--start-mask', 'mlp.2'],
      2,
      /mlp\.2 is both kept and in the start mask/,
    ],
    [
      'a block to keep that there is not',
      [...PRUNE, '--remove', '1', '--keep', 'layer.4'],
      2,
      /--keep layer\.4: layer\.4 does not exist: the model has layers 0 to 3/,
    ],
    [
      'a block named twice in start masks',
      [...PRUNE, '--remove', '1', '--start-mask', 'mha.1', '--start-mask', 'mha.2+mha.1'],
      2,
      /--start-mask mha\.2\+mha\.1: block mha\.1 is named twice/,
    ],
    [
      'a start mask of a larger model',
      [...PRUNE, '--remove', '1', '--start-mask', 'mha.17'],
      2,
      /--start-mask mha\.17: block mha\.17 does not exist/,
    ],
    [
      'a start mask that is neither blocks nor a file',
      [...PRUNE, '--remove', '1', '--start-mask', 'nowhere.json'],
      2,
      /--start-mask nowhere\.json: neither blocks, .* nor a file that can be read: ENOENT/,
    ],
    [
      'a start mask in a file that is no list',
      [...PRUNE, '--remove', '1', '--start-mask', 'text.txt'],
      2,
      /--start-mask text\.txt: line 1 is "Call me Ishmael\.", expected none, attn, mlp or attn\+mlp/,
    ],
    [
      'a target that the model meets',
      [...PRUNE, '--target-params', '1M'],
      2,
      /the model has only 394080 parameters, which meets --target-params 1000000/,
    ],
    [
      'a target without a number',
      [...PRUNE, '--target-params', '1.1G'],
      2,
      /--target-params must be a number of parameters, e\.g\. 1\.1B, .*; got "1\.1G"/,
    ],
    [
      'an increase without the sign for per cent',
      [...PRUNE, '--max-increase', '0.2'],
      2,
      /--max-increase must be per cent of the dense model's perplexity, with the sign.*got "0\.2"/,
    ],
    [
      'two limits',
      [...PRUNE, '--max-increase', '20%', '--max-perplexity', '9'],
      2,
      /--max-perplexity 9 and --max-increase 20% exclude each other: give one of them/,
    ],
    ['an unknown option', [...PRUNE, '--remove', '1', '--bogus'], 2, /unknown option '--bogus'/],
    [
      'a misspelt option',
      [...PRUNE, '--remov', '1'],
      2,
      /unknown option '--remov' \(Did you mean --remove\?\)/,
    ],
    ['an unknown command', ['frobnicate'], 2, /unknown command 'frobnicate'/],
    [
      'a value that is none',
      [...PRUNE, '--remove', 'x'],
      2,
      /--remove must be a whole number from 1 to 100000; got "x"/,
    ],
    ['two stop rules', [...PRUNE, '--remove', '1', '--ratio', '0.5'], 2, /exclude each other/],
    ['two stop rules in a config file', [...PRUNE, '--config', 'both.yaml'], 2, /exclude each other/],
    ['no stop rule', PRUNE, 2, /give --remove <k> blocks, or --ratio <r>/],
    [
      'no model',
      ['prune', '--calibration', 'rows.json', '--remove', '1'],
      2,
      /--model is missing: give --model <path>, set BLOCKPRUNER_MODEL/,
    ],
    [
      'too many workers',
      [...PRUNE, '--remove', '1', '--workers', 'local:257'],
      2,
      /--workers must be local:N/,
    ],
    [
      'no address to listen on',
      [...PRUNE, '--remove', '1', '--listen', 'here'],
      2,
      /--listen must be host:port.*"here"/,
    ],
    [
      'a host that is not here',
      [...PRUNE, '--remove', '1', '--listen', '203.0.113.1:0', '--insecure'],
      1,
      /cannot listen on 203\.0\.113\.1:0/,
    ],
    [
      'a run folder below a file',
      [...PRUNE, ...ONE, '--output', 'rows.json/run'],
      1,
      /rows\.json.*a part of the path is a file/,
    ],
    ['bad workers', [...PRUNE, '--remove', '1', '--workers', 'local:0'], 2, /--workers must be local:N/],
    [
      'a config file that is not YAML',
      [...PRUNE, '--config', 'bad.yaml'],
      2,
      /--config bad\.yaml is not valid YAML/,
    ],
    [
      'a config file that is not there',
      [...PRUNE, '--config', 'no.yaml'],
      2,
      /--config no\.yaml cannot be read: ENOENT/,
    ],
    [
      'a config file that is a folder',
      [...PRUNE, '--config', 'model'],
      2,
      /--config model cannot be read: EISDIR/,
    ],
    [
      'a config file without options',
      [...PRUNE, '--config', 'list.yaml'],
      2,
      /--config list\.yaml must hold/,
    ],
    [
      'an unknown key',
      [...PRUNE, '--config', 'unknown-key.yaml'],
      2,
      /"rowz" is not an option of prune; there are model, calibration/,
    ],
    [
      'a bad value in a config file',
      [...PRUNE, '--config', 'bad-value.yaml'],
      2,
      /--rows \(from the config file\) must be/,
    ],
    [
      'a mask that is none',
      ['score', '--model', 'model', '--calibration', 'rows.json', '--mask', 'mha.9'],
      2,
      /--mask mha\.9: block mha\.9 does not exist/,
    ],
    ['nothing to pick by', ['pick', 'nowhere'], 2, /how much is to go\?/],
    ['no run to pick from', ['pick', 'nowhere', '--remove', '1'], 1, /nowhere is not a run folder/],
    ['no such run', ['status', 'nowhere'], 1, /nowhere is not a run folder/],
    ['no run to resume', ['resume', 'model'], 1, /model is not a run folder/],
    ['no folder to list', ['list', 'nowhere'], 1, /nowhere cannot be listed: ENOENT/],
    ['no run named', ['resume'], 2, /missing required argument 'run'/],
    [
      'a worker of an address that is none',
      ['worker', '--connect', 'somewhere'],
      2,
      /--connect: .*somewhere/,
    ],
    ['an unknown option of a worker', ['worker', '--connect', 'a:1', '--bogus'], 2, /--bogus.*worker --help/],
    ['a worker without a coordinator', ['worker'], 2, /--connect is missing/],
    [
      'a worker of no known device',
      ['worker', '--connect', '127.0.0.1:1', '--device', 'tpu'],
      2,
      /--device must be cpu or cuda:<index>; got "tpu"/,
    ],
  ])('ends with one line and writes nothing: %s', async (_what, args, code, message) => {
    const ended = await run(args, folder.path);
    expect(errorLine(ended)).toMatch(message);
    expect(ended.code).toBe(code);
    expect(everything()).toEqual(before);
  });

  it('names the environment where a bad value comes from there', async () => {
    const ended = await run([...PRUNE, '--remove', '1'], folder.path, { BLOCKPRUNER_SEED: '-1' });
    expect([ended.code, errorLine(ended)]).toEqual([
      2,
      expect.stringContaining('--seed (from the environment) must be'),
    ]);
  });

  it('says that a port is in use before it makes a run folder', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const ended = await run([...PRUNE, '--remove', '1', '--listen', `127.0.0.1:${port}`], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringContaining(`127.0.0.1:${port} is in use`),
    ]);
    expect(everything()).toEqual(before);
    server.close();
  });

  it('says how many tokens a text has and a row needs', async () => {
    const tokenizer = join(folder.path, 'model', 'tokenizer.json');
    writeFileSync(tokenizer, JSON.stringify(LETTER_TOKENIZER));
    const ended = await run(rows('text.txt'), folder.path);
    rmSync(tokenizer);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(
        /text\.txt: \d+ tokens, but one row needs 2048; give more text or a shorter --seq-len/,
      ),
    ]);
  });

  it('reports a model that overflows by block, once a worker has found out', async () => {
    const huge = join(folder.path, 'huge');
    cpSync(join(folder.path, 'model'), huge, { recursive: true });
    const { layers } = await openCheckpoint(huge, { cacheFolder: folder.path });
    const { weight } = layers[1].mlp!.down;
    const file = openSync(weight.file, 'r+');
    writeSync(
      file,
      Buffer.from(new Float32Array(weight.lengthBytes / 4).fill(3e38).buffer),
      0,
      weight.lengthBytes,
      weight.offsetBytes,
    );
    closeSync(file);
    const ended = await run([...model('huge'), '--output', 'overflow'], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(
        /^mlp\.1 of the model \(mask dense\) computes values that are not finite on row \d/,
      ),
    ]);
  });
});

const LETTER_TOKENIZER = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: { '[UNK]': 0, Call: 1, me: 2, Ishmael: 3, '.': 4 }, unk_token: '[UNK]' },
};

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`);
  writeFileSync(file, text.replace(from, to));
  appendFileSync(file, '\n');
}
