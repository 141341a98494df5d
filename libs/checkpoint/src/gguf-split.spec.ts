import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ggufBytes,
  partName,
  splitGguf,
  TINY_METADATA,
  tinyGgufTensors,
  type GgufValue,
} from '../test/gguf-bytes.ts';
import { temporaryFolder } from '../test/tiny-model.ts';
import { readGgufModel } from './gguf-split.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const root = temporaryFolder();
let count = 0;

/** Writes files by name, those of a sound model in three parts where they are not given; null leaves one out. */
function writeParts(given: Record<string, Buffer | null> = {}): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  const sound = splitGguf('m', 3).map(({ name, bytes }): [string, Buffer] => [name, bytes]);
  for (const [name, bytes] of Object.entries({ ...Object.fromEntries(sound), ...given })) {
    if (bytes !== null) writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

const NAMES = [1, 2, 3].map((part) => partName('m', part, 3));
/** The parts hold 7, 7 and 6 of them. */
const tensors = tinyGgufTensors();

/** The second part, with other metadata or tensors than it should have. */
function secondPart(metadata: Record<string, GgufValue | undefined> = {}, held = tensors.slice(7, 14)) {
  const split: Record<string, GgufValue | undefined> = {
    'split.no': { u16: 1 },
    'split.count': { u16: 3 },
    'split.tensors.count': { i32: tensors.length },
    ...metadata,
  };
  const given = Object.entries(split).filter((entry): entry is [string, GgufValue] => !!entry[1]);
  return ggufBytes(Object.fromEntries(given), held);
}

describe('a GGUF in several parts', () => {
  it('is the same model whichever part is named, and the same as in one file', async () => {
    const cacheFolder = join(root, 'cache');
    const folder = writeParts();
    const opened = [];
    for (const name of NAMES) opened.push(await openCheckpoint(join(folder, name), { cacheFolder }));
    expect(opened.map(({ sourcePath }) => sourcePath)).toEqual(NAMES.map((name) => join(folder, name)));
    expect(new Set(opened.map(({ fingerprint }) => fingerprint)).size).toBe(1);

    const single = join(folder, 'whole.gguf');
    writeFileSync(single, ggufBytes(TINY_METADATA, tensors));
    const whole = await openCheckpoint(single, { cacheFolder });
    expect(whole.fingerprint).not.toBe(opened[0].fingerprint);
    expect(readFileSync(opened[0].embedding.file)).toEqual(readFileSync(whole.embedding.file));
  });

  it('has another fingerprint when any part has other bytes', async () => {
    const sound = splitGguf('m', 3);
    const fingerprints = new Set<string>();
    for (const changed of [null, 0, 1, 2]) {
      const parts = sound.map(({ name, bytes }, part): [string, Buffer] => {
        const copy = Buffer.from(bytes);
        if (part === changed) copy[copy.length - 40] ^= 1;
        return [name, copy];
      });
      const folder = writeParts(Object.fromEntries(parts));
      const { fingerprint } = await openCheckpoint(join(folder, NAMES[0]), {
        cacheFolder: join(folder, 'cache'),
      });
      fingerprints.add(fingerprint);
    }
    expect(fingerprints.size).toBe(4);
  });

  it('may have a first part without tensors', async () => {
    const metadata = {
      ...TINY_METADATA,
      'split.no': { u16: 0 },
      'split.count': { u16: 3 },
      'split.tensors.count': { i32: tensors.length },
    };
    const folder = writeParts({
      [NAMES[0]]: ggufBytes(metadata, []),
      [NAMES[1]]: secondPart({}, tensors.slice(0, 14)),
    });
    const { tensors: found, parts } = await readGgufModel(join(folder, NAMES[2]));
    expect([...found.keys()]).toEqual(tensors.map(({ name }) => name));
    expect([...found.values()].map(({ file }) => parts.findIndex((part) => part.file === file))).toEqual([
      ...Array<number>(14).fill(1),
      ...Array<number>(6).fill(2),
    ]);
  });

  it.each<[string, Record<string, GgufValue>]>([
    ['has no split.count', {}],
    ['was merged', { 'split.no': { u16: 0 }, 'split.count': { u16: 0 } }],
    ['is the only one', { 'split.no': { u16: 0 }, 'split.count': { u16: 1 } }],
  ])('is opened as it is when a file that is named like a part %s', async (_, metadata) => {
    const folder = writeParts({ [NAMES[1]]: ggufBytes({ ...TINY_METADATA, ...metadata }, tensors) });
    expect((await readGgufModel(join(folder, NAMES[1]))).parts).toHaveLength(1);
  });

  const [first] = splitGguf('m', 3);
  it.each<[string, Record<string, Buffer | null>, number, string, string]>([
    [
      'a part is missing',
      { [NAMES[2]]: null },
      0,
      'not-found',
      `${NAMES[2]} is missing: the model is split into 3 files, which must all lie in this folder; 1 of them does not`,
    ],
    [
      'the first parts are missing',
      { [NAMES[0]]: null, [NAMES[1]]: null },
      2,
      'not-found',
      `${NAMES[0]} is missing: the model is split into 3 files, which must all lie in this folder; 2 of them do not`,
    ],
    [
      'a part is there under two names',
      { [NAMES[2]]: secondPart() },
      0,
      'malformed',
      `${NAMES[2]}: is part 2 of 3 by its split.no 1 and split.count 3: it must be named ${NAMES[1]}`,
    ],
    [
      'the part that is named has the number of another one',
      { [NAMES[1]]: secondPart({ 'split.no': { u16: 2 } }) },
      1,
      'malformed',
      `${NAMES[1]}: is part 3 of 3 by its split.no 2 and split.count 3: it must be named ${NAMES[2]}`,
    ],
    [
      'a part is one of another number of parts',
      { [NAMES[1]]: secondPart({ 'split.count': { u16: 4 } }) },
      0,
      'malformed',
      `${NAMES[1]}: is part 2 of 4 by its split.no 1 and split.count 4: it must be named ${partName('m', 2, 4)}`,
    ],
    [
      'a part is a whole model',
      { [NAMES[1]]: ggufBytes(TINY_METADATA, tensors) },
      0,
      'malformed',
      'split.count is missing: expected an integer from 2 to 1024',
    ],
    [
      'a part has no number',
      { [NAMES[1]]: secondPart({ 'split.no': undefined }) },
      0,
      'malformed',
      'split.no is missing: expected an integer from 0 to 2',
    ],
    [
      'a number is beyond the count',
      { [NAMES[1]]: secondPart({ 'split.no': { u16: 3 } }) },
      1,
      'malformed',
      'split.no is 3: expected an integer from 0 to 2',
    ],
    [
      'there are thousands of parts',
      { [NAMES[1]]: secondPart({ 'split.count': { u16: 65535 } }) },
      1,
      'malformed',
      'split.count is 65535: expected an integer from 0 to 1024',
    ],
    [
      'a part counts other tensors',
      { [NAMES[1]]: secondPart({ 'split.tensors.count': { i32: 19 } }) },
      0,
      'malformed',
      `split.tensors.count is 19, but ${NAMES[0]} says 20`,
    ],
    [
      'the tensor count is negative',
      { [NAMES[1]]: secondPart({ 'split.tensors.count': { i32: -1 } }) },
      0,
      'malformed',
      'split.tensors.count is -1: expected an integer from 1 to 65536',
    ],
    [
      'a part lacks a tensor',
      { [NAMES[1]]: secondPart({}, tensors.slice(8, 14)) },
      0,
      'missing-tensor',
      'split.tensors.count is 20, but the 3 parts hold 19 tensors',
    ],
    [
      'a part holds a tensor more',
      { [NAMES[1]]: secondPart({}, [...tensors.slice(7, 14), { ...tensors[0], name: 'extra' }]) },
      0,
      'malformed',
      'split.tensors.count is 20, but m-00001-of-00003.gguf says 20, and the parts up to here hold 21',
    ],
    [
      'a part holds a tensor of another one',
      { [NAMES[1]]: secondPart({}, [tensors[0], ...tensors.slice(8, 14)]) },
      0,
      'malformed',
      `${NAMES[1]}: tensor token_embd.weight is in ${NAMES[0]} too`,
    ],
    [
      'a part was cut off',
      { [NAMES[1]]: secondPart().subarray(0, -64) },
      2,
      'truncated',
      `${NAMES[1]}: tensor blk.`,
    ],
    ['a part is empty', { [NAMES[1]]: Buffer.alloc(0) }, 0, 'truncated', 'ends inside the magic number'],
    [
      'the metadata of the model is missing',
      { [NAMES[0]]: splitGguf('m', 3, {})[0].bytes },
      1,
      'malformed',
      `${NAMES[0]}: general.architecture is missing`,
    ],
  ])('is refused, with nothing in the cache, when %s', async (_, given, named, code, message) => {
    const folder = writeParts(given);
    const cacheFolder = join(folder, 'cache');
    await expect(openCheckpoint(join(folder, NAMES[named]), { cacheFolder })).rejects.toMatchObject({
      name: 'CheckpointError',
      code,
      message: expect.stringContaining(message) as string,
    });
    expect(existsSync(cacheFolder)).toBe(false);
  });

  it.each(['model.gguf', partName('m', 2, 3), 'm-1-of-3.gguf', 'm-00001-of-00003-Q4.GGUF', '.gguf'])(
    'says how the first one must be named when it is %s',
    async (name) => {
      const folder = writeParts({ [name]: first.bytes });
      const stem = name === NAMES[1] ? 'm' : name.slice(0, -5);
      const expected = `${stem}-00001-of-00003${name.slice(-5)}`;
      await expect(readGgufModel(join(folder, name))).rejects.toThrow(`must be named ${expected}, with all`);
    },
  );
});
