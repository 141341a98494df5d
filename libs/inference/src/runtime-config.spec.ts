import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { holdsOwnGraph, readRuntimeConfig } from './runtime-config.ts';

const GOOD = { model: { context_length: 512, decoder: { filename: 'model.onnx' } } };

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const write = (name: string, text: string): void => writeFileSync(join(folder.path, name), text);

it('reads which graph there is, and for how many tokens', async () => {
  write('genai_config.json', JSON.stringify(GOOD));
  expect(await readRuntimeConfig(folder.path)).toEqual({ file: 'model.onnx', contextTokens: 512 });
});

it('tells a graph with weights of its own from one that reads those of the folder', async () => {
  expect(await holdsOwnGraph(join(folder.path, 'nowhere'))).toBe(false);
  expect(await holdsOwnGraph(folder.path)).toBe(false);
  write('genai_config.json', JSON.stringify(GOOD));
  expect(await holdsOwnGraph(folder.path)).toBe(true);
  write('model.safetensors', '');
  expect(await holdsOwnGraph(folder.path)).toBe(false);
});

it.each([
  ['no JSON', '{'],
  ['no object', '[1]'],
  ['no model', '{}'],
  ['a key that is there twice', '{"model":{},"model":{}}'],
  ['lists in lists', '['.repeat(1000)],
  ['a model that is a text', '{"model":"llama"}'],
  ['no file', '{"model":{"context_length":512,"decoder":{}}}'],
  ['a file elsewhere', JSON.stringify({ model: { ...GOOD.model, decoder: { filename: '../model.onnx' } } })],
  ['a file that is a number', JSON.stringify({ model: { ...GOOD.model, decoder: { filename: 7 } } })],
  ['no context', '{"model":{"decoder":{"filename":"model.onnx"}}}'],
  ['a context that is a text', JSON.stringify({ model: { ...GOOD.model, context_length: '512' } })],
  ['a context of 0', JSON.stringify({ model: { ...GOOD.model, context_length: 0 } })],
  ['a context beyond all', JSON.stringify({ model: { ...GOOD.model, context_length: 1e12 } })],
  ['too much', JSON.stringify({ ...GOOD, more: 'x'.repeat(2 ** 20) })],
])('refuses a file with %s in one line', async (_, text) => {
  write('genai_config.json', text);
  await expect(readRuntimeConfig(folder.path)).rejects.toThrow(
    /^\S+genai_config\.json: [^\n]+; export the model again/,
  );
});

it('says that the file is not there', async () => {
  await expect(readRuntimeConfig(folder.path)).rejects.toThrow(/genai_config\.json: does not exist/);
});
