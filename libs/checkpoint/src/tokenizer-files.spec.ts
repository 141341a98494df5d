import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ggufBytes, TINY_METADATA, tinyGgufTensors, type GgufValue } from '../test/gguf-bytes.ts';
import { temporaryFolder, TINY_CONFIG } from '../test/tiny-model.ts';
import { readTokenizerFiles } from './tokenizer-files.ts';

const root = temporaryFolder();
let count = 0;

/** Writes the files of a Hugging Face folder; null leaves one out. */
function folder(files: Record<string, unknown> = {}): string {
  const path = join(root, `folder-${count++}`);
  mkdirSync(path);
  const given = { 'config.json': TINY_CONFIG, 'tokenizer.json': { version: '1.0' }, ...files };
  for (const [name, content] of Object.entries(given)) {
    if (content === null) continue;
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(join(path, name), isRaw ? content : JSON.stringify(content));
  }
  return path;
}

function gguf(metadata: Record<string, GgufValue> = {}): string {
  const path = join(root, `model-${count++}.gguf`);
  writeFileSync(path, ggufBytes({ ...TINY_METADATA, ...metadata }, tinyGgufTensors()));
  return path;
}

describe('the tokenizer of a Hugging Face folder', () => {
  it('is its tokenizer.json, with the fields of tokenizer_config.json', async () => {
    const path = folder({ 'tokenizer_config.json': { bos_token: '<s>', chat_template: '{{ messages }}' } });
    expect(await readTokenizerFiles(path)).toEqual({
      source: path,
      vocabSize: 24,
      tokenizerJson: '{"version":"1.0"}',
      absence: null,
      config: { bos_token: '<s>', chat_template: '{{ messages }}' },
      chatTemplate: '{{ messages }}',
    });
  });

  it('has no template and no fields without tokenizer_config.json', async () => {
    expect(await readTokenizerFiles(folder())).toMatchObject({ config: {}, chatTemplate: null });
  });

  it.each<[string, Record<string, unknown>, string | null]>([
    [
      'named default, of several',
      {
        'tokenizer_config.json': {
          chat_template: [
            { name: 'tool_use', template: 'T' },
            { name: 'default', template: 'D' },
          ],
        },
      },
      'D',
    ],
    [
      'of chat_template.jinja before all',
      {
        'chat_template.jinja': 'J',
        'chat_template.json': { chat_template: 'O' },
        'tokenizer_config.json': { chat_template: 'C' },
      },
      'J',
    ],
    [
      'of tokenizer_config.json before chat_template.json',
      { 'chat_template.json': { chat_template: 'O' }, 'tokenizer_config.json': { chat_template: 'C' } },
      'C',
    ],
    ['of chat_template.json alone', { 'chat_template.json': { chat_template: 'O' } }, 'O'],
    ['absent where it is null', { 'tokenizer_config.json': { chat_template: null } }, null],
  ])('has the chat template %s', async (_, files, expected) => {
    expect((await readTokenizerFiles(folder(files))).chatTemplate).toBe(expected);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['with no tokenizer', {}, /^\/.*tokenizer\.json: no such file, and a text needs a tokenizer; null$/],
    [
      'with tokenizer.model only',
      { 'tokenizer.model': 'x' },
      /has tokenizer\.model but no tokenizer\.json; write it: python -c "from transformers import AutoTokenizer as T; T\.from_pretrained\('\/.*'\)\.save_pretrained\('\/.*'\)"$/,
    ],
  ])('%s says the way out', async (_, files, reason) => {
    const found = await readTokenizerFiles(folder({ 'tokenizer.json': null, ...files }));
    expect(found.tokenizerJson).toBeNull();
    expect(`${found.absence?.reason}; ${found.absence?.wayOut}`).toMatch(reason);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'tokenizer.json is not UTF-8',
      { 'tokenizer.json': Buffer.of(0x7b, 0xff) },
      /tokenizer\.json: is not UTF-8$/,
    ],
    [
      'tokenizer_config.json is cut off',
      { 'tokenizer_config.json': '{"bos' },
      /tokenizer_config\.json: is not UTF-8 JSON/,
    ],
    ['tokenizer_config.json is a list', { 'tokenizer_config.json': '[]' }, /top level is not a JSON object/],
    ['config.json is missing', { 'config.json': null }, /config\.json: does not exist/],
    ['config.json has no vocab_size', { 'config.json': {} }, /vocab_size is missing/],
    [
      'the template is a number',
      { 'tokenizer_config.json': { chat_template: 1 } },
      /chat_template is 1: expected a string/,
    ],
    [
      'no template is named default',
      { 'tokenizer_config.json': { chat_template: [null, 1, { name: 'default' }] } },
      /list without a template named "default"/,
    ],
  ])('is refused when %s', async (_, files, reason) => {
    const read = readTokenizerFiles(folder(files));
    await expect(read).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(reason) as string,
    });
  });

  it.each([
    ['tokenizer.json', 2 ** 28],
    ['tokenizer_config.json', 2 ** 26],
    ['chat_template.jinja', 2 ** 22],
  ])('is refused when %s is too large', async (name, limitBytes) => {
    const path = folder({ [name]: 'x' });
    truncateSync(join(path, name), limitBytes + 1);
    await expect(readTokenizerFiles(path)).rejects.toThrow(
      `has ${limitBytes + 1} bytes, the limit is ${limitBytes}`,
    );
  });

  it('is refused when it is a folder itself', async () => {
    const path = folder({ 'tokenizer.json': null });
    mkdirSync(join(path, 'tokenizer.json'));
    await expect(readTokenizerFiles(path)).rejects.toThrow('tokenizer.json: is a folder');
  });
});

describe('the tokenizer of a GGUF', () => {
  it('is what it converts to, with its chat template', async () => {
    const path = gguf({ 'tokenizer.chat_template': { string: '{{ messages }}' } });
    const files = await readTokenizerFiles(path);
    expect(files).toMatchObject({
      source: path,
      vocabSize: 24,
      absence: null,
      chatTemplate: '{{ messages }}',
    });
    expect(files.config).toMatchObject({ bos_token: '<|1|>', eos_token: '<|2|>' });
    expect(JSON.parse(files.tokenizerJson ?? '')).toMatchObject({ model: { type: 'BPE' } });
  });

  it('of an unknown kind is absent, with the reason', async () => {
    const files = await readTokenizerFiles(gguf({ 'tokenizer.ggml.pre': { string: 'viking' } }));
    expect(files).toMatchObject({
      tokenizerJson: null,
      absence: {
        reason: expect.stringMatching(/"viking"\) cannot be converted: /) as string,
        wayOut: null,
      },
      chatTemplate: null,
    });
  });

  it('keeps a token that is a byte order mark', async () => {
    const tokens = Array.from({ length: 24 }, (_, id) => (id === 7 ? '\ufeff' : `t${id}`));
    const { tokenizerJson } = await readTokenizerFiles(
      gguf({ 'tokenizer.ggml.tokens': { strings: tokens } }),
    );
    expect(JSON.parse(tokenizerJson ?? '')).toMatchObject({ model: { vocab: { '\ufeff': 7 } } });
  });

  it('is refused when the file is cut off in it', async () => {
    const path = gguf();
    writeFileSync(path, readFileSync(path).subarray(0, 600));
    await expect(readTokenizerFiles(path)).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'truncated',
    });
  });
});

it('a path that does not exist is refused', async () => {
  await expect(readTokenizerFiles(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'not-found' });
});
