import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { allows, OWN_MOUNTS, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SYNC_BYTES } from '../src/durable-file.ts';
import { ExportError, smallFile, writeExport, type ExportPlan, type WriteOptions } from '../src/index.ts';
import { LARGE_BYTES, planOf } from './example-plan.ts';

const CAN_MOUNT = allows(OWN_MOUNTS, 'mount -t tmpfs tmpfs /mnt', 'an output that is a mount point');
const CHILD = join(import.meta.dirname, 'write-child.ts');

let folder: TemporaryFolder;
let output: string;
beforeEach(() => {
  folder = temporaryFolder();
  output = join(folder.path, 'out');
});
afterEach(() => folder.remove());

const write = (plan: ExportPlan, options: Partial<WriteOptions> = {}): ReturnType<typeof writeExport> =>
  writeExport(output, plan, { identity: 'one', ...options });

async function expectWhole(card = '# Card\n'): Promise<void> {
  expect(readdirSync(folder.path)).toEqual(['out']);
  expect(readdirSync(output).sort()).toEqual(['README.md', 'model.safetensors']);
  expect(readFileSync(join(output, 'README.md'), 'utf8')).toBe(card);
  const chunks: Uint8Array[] = [];
  for await (const chunk of planOf().files[1].read(0)) chunks.push(chunk);
  expect(readFileSync(join(output, 'model.safetensors')).equals(Buffer.concat(chunks))).toBe(true);
}

/** Starts a write in a process of its own that stops behind so many bytes, and waits until it does. */
async function startedWrite(stopBytes: number): Promise<ReturnType<typeof fork>> {
  const child = fork(CHILD, [output, String(stopBytes)]);
  await once(child, 'message');
  return child;
}

async function kill(child: ReturnType<typeof fork>): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('writeExport', () => {
  it('writes every file, says how far it is, and leaves nothing else', async () => {
    const seen: number[] = [];
    const report = await write(planOf(), { onProgress: (done, total) => seen.push(done / total) });
    expect(report).toEqual({ totalBytes: LARGE_BYTES + 7, keptBytes: 0, notes: [] });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    await expectWhole();
  });

  it('takes an empty folder, and makes those above', async () => {
    mkdirSync(output);
    await write(planOf());
    await expectWhole();
    await writeExport(join(folder.path, 'a/b/c'), planOf(), { identity: 'one' });
    expect(readdirSync(join(folder.path, 'a/b'))).toEqual(['c']);
  });

  it('goes on after a kill in the middle with what had not reached the disk', async () => {
    await kill(await startedWrite(SYNC_BYTES + 2 ** 21));
    expect(existsSync(output)).toBe(false);
    let firstByte = Infinity;
    const plan = planOf((start) => {
      firstByte = Math.min(firstByte, start);
    });
    expect(await write(plan)).toMatchObject({ keptBytes: SYNC_BYTES, notes: [] });
    expect(firstByte).toBe(SYNC_BYTES);
    await expectWhole();
  });

  it('goes on after a kill before anything reached the disk for sure', async () => {
    await kill(await startedWrite(2 ** 20));
    expect(await write(planOf())).toMatchObject({ keptBytes: 0, notes: [] });
    await expectWhole();
  });

  it('goes on with small files that changed, and not with what is no longer planned', async () => {
    await kill(await startedWrite(SYNC_BYTES + 2 ** 21));
    writeFileSync(join(`${output}.incomplete`, 'NOTICE'), 'of another time');
    expect(await write(planOf(undefined, '# Other\n'))).toMatchObject({ keptBytes: SYNC_BYTES });
    await expectWhole('# Other\n');
  });

  it('starts anew, and says so, where something else was being written', async () => {
    await kill(await startedWrite(SYNC_BYTES + 2 ** 21));
    const { keptBytes, notes } = await write(planOf(), { identity: 'two' });
    expect(keptBytes).toBe(0);
    expect(notes).toEqual([
      `${output}.incomplete was left by an export of something else: it is started anew`,
    ]);
    await expectWhole();
  });

  it('lets one process write at a time', async () => {
    const child = await startedWrite(0);
    await expect(write(planOf())).rejects.toThrow(
      `${output}: another process writes it (${output}.incomplete.lock): wait for it, or name another folder`,
    );
    await kill(child);
    await write(planOf());
    await expectWhole();
  });

  it('stops at an abort, and goes on from there', async () => {
    const controller = new AbortController();
    const plan = planOf((start) => {
      if (start > SYNC_BYTES) controller.abort(new Error('interrupted'));
    });
    await expect(write(plan, { signal: controller.signal })).rejects.toThrow('interrupted');
    expect(await write(planOf())).toMatchObject({ keptBytes: SYNC_BYTES });
    await expectWhole();
  });

  it('writes what follows from the first files before the check sees all', async () => {
    let sizeBytes = 0;
    const following = (written: string): Promise<ExportPlan> => {
      sizeBytes = statSync(join(written, 'model.safetensors')).size;
      return Promise.resolve({ files: [smallFile('model.onnx', 'graph')], notes: ['a note'] });
    };
    let checked: string[] = [];
    const check = (written: string): Promise<void> => {
      checked = readdirSync(written).filter((name) => !name.startsWith('.'));
      return Promise.resolve();
    };
    const report = await write(planOf(), { following, check });
    expect(sizeBytes).toBe(LARGE_BYTES);
    expect(report).toEqual({ totalBytes: LARGE_BYTES + 12, keptBytes: 0, notes: ['a note'] });
    expect(checked.sort()).toEqual(['README.md', 'model.onnx', 'model.safetensors']);
    expect(readdirSync(output).sort()).toEqual(checked);
  });

  it('gives no name to an export that its check refuses', async () => {
    const check = (written: string): Promise<void> => {
      expect(readdirSync(written)).toContain('model.safetensors');
      return Promise.reject(new Error('not the same'));
    };
    await expect(write(planOf(), { check })).rejects.toThrow('not the same');
    expect(existsSync(output)).toBe(false);
    expect(await write(planOf())).toMatchObject({ keptBytes: LARGE_BYTES });
    await expectWhole();
  });
});

describe('what is in the way of an export', () => {
  it('is a folder with something in it', async () => {
    mkdirSync(output);
    writeFileSync(join(output, 'mine'), '');
    const message = `${output}: exists and is not empty: name another folder, or move it away`;
    await expect(write(planOf())).rejects.toThrow(message);
    expect(readdirSync(folder.path)).toEqual(['out']);
  });

  it('is a link, also to an empty folder', async () => {
    mkdirSync(join(folder.path, 'real'));
    for (const target of ['real', 'nowhere']) {
      symlinkSync(target, output);
      await expect(write(planOf())).rejects.toThrow(`${output}: is a link: name the folder that it leads to`);
      rmSync(output);
    }
  });

  it('is the working folder', async () => {
    mkdirSync(output);
    const child = fork(CHILD, ['.', '0'], { cwd: output, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const [said] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
    expect(said).toBe(`${output}: is the working folder: name a folder in it`);
    expect(readdirSync(folder.path)).toEqual(['out']);
  });

  it('is where no folder can be made', async () => {
    const nowhere = '/proc/nowhere/at-all/out';
    await expect(writeExport(nowhere, planOf(), { identity: 'one' })).rejects.toThrow(
      '/proc/nowhere: cannot be made there, or is gone: name another folder',
    );
  });

  it('is a file', async () => {
    writeFileSync(output, '');
    await expect(write(planOf())).rejects.toThrow(`${output}: is a file: name a folder that does not exist`);
    output = join(output, 'below');
    await expect(write(planOf())).rejects.toThrow('out: is a file: name a folder that may be made');
  });

  it('is a folder of that name that is not of an export', async () => {
    mkdirSync(`${output}.incomplete`);
    writeFileSync(join(`${output}.incomplete`, 'mine'), '');
    await expect(write(planOf())).rejects.toThrow('is not of an interrupted export: move it away');
    expect(readdirSync(`${output}.incomplete`)).toEqual(['mine']);
  });

  it('is a disk with too little room, which is found before anything is written', async () => {
    const plan = planOf();
    const huge = { ...plan, files: [...plan.files, { ...plan.files[1], name: 'more', sizeBytes: 1e18 }] };
    await expect(write(huge)).rejects.toThrow(
      /out\.incomplete: 1\d{18} bytes are to be written, \d+ are free/,
    );
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is too little room for what follows from the first files, which stay', async () => {
    const following = (): Promise<ExportPlan> =>
      Promise.resolve({ files: [{ ...planOf().files[1], name: 'more', sizeBytes: 1e18 }], notes: [] });
    await expect(write(planOf(), { following })).rejects.toThrow('bytes are to be written');
    expect(await write(planOf())).toMatchObject({ keptBytes: LARGE_BYTES });
    await expectWhole();
  });

  it('is a disk that becomes full, and what is there stays', async () => {
    await kill(await startedWrite(2 ** 20));
    const path = join(`${output}.incomplete`, 'model.safetensors.incomplete');
    rmSync(path);
    symlinkSync('/dev/full', path);
    await expect(write(planOf())).rejects.toThrow(
      'no space is left on the device: make room and give the same command again, which goes on from here',
    );
    rmSync(path);
    await write(planOf());
    await expectWhole();
  });

  it('is a value that cannot be written, of which nothing stays', async () => {
    const refusing = planOf((start) => {
      if (start > SYNC_BYTES) throw new ExportError('element 3 is too large');
    });
    await expect(write(refusing)).rejects.toThrow('element 3 is too large');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it.skipIf(!CAN_MOUNT)('is a mount point', () => {
    mkdirSync(output);
    const script = 'mount -t tmpfs tmpfs "$2"; exec "$0" "$@"';
    const [command, ...words] = [...OWN_MOUNTS, 'sh', '-ec', script, process.execPath, CHILD, output];
    const { stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual([`${output}: is a mount point: name a folder in it`, '']);
    expect(readdirSync(folder.path)).toEqual(['out']);
  });

  it('is a limit of the file size', async () => {
    const blocks = Math.floor((SYNC_BYTES + 2 ** 20) / 512);
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, CHILD, output],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/out.*: the limit of the file size is reached: raise it \(ulimit -f\)/);
    expect(await write(planOf())).toMatchObject({ keptBytes: SYNC_BYTES });
    await expectWhole();
  });
});
