import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parseBlock, type BlockIndex } from '@blockpruner/blocks';
import {
  decodeFloats,
  openCheckpoint,
  type Checkpoint,
  type LinearTensors,
  type TensorLocation,
} from '@blockpruner/checkpoint';
import { temporaryFolder, TINY_MODELS, tinyRows, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamMeter } from '../src/index.ts';
import { magnitudeRatio } from '../src/magnitude-ratio.ts';
import { PlainModel } from './plain-model.ts';

const MODELS: TinyModelName[] = ['llama-mha-tied', 'llama-gqa-untied', 'llama-all-biases'];
const ORDER = ['mlp.1', 'mha.3', 'mha.1', 'mlp.3'].map((block) => parseBlock(block));
const CPU = { device: 'cpu', threads: 1 };

describe.each(MODELS)('the stream of %s', (name) => {
  const rows = tinyRows(TINY_MODELS[name].vocabSize, 5, [40, 24]).map((tokenIds, index) => ({
    index,
    tokenIds,
  }));
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;
  let meter: StreamMeter;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    meter = await StreamMeter.load(checkpoint, CPU);
  });
  afterAll(async () => {
    await meter.close();
    folder.remove();
  });

  it('has the magnitudes and the score of an independent forward pass', async () => {
    const factors = await meter.measure(rows, ORDER);
    const plain = new HealedPlainModel(checkpoint);
    for (const block of ORDER) {
      const ratios = rows.map(({ tokenIds }) => plain.ratioAround(block, tokenIds));
      const factor = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
      expect(factors.get(block)).toBeCloseTo(factor, 5);
      expect(Math.abs(factor - 1)).toBeGreaterThan(0.01);
      plain.factors.set(block, factor);
    }
    const means = rows.map(({ tokenIds }) => plain.meanNats(tokenIds));
    const score = means.reduce((sum, mean) => sum + mean, 0) / means.length;
    expect(await meter.score(rows, factors)).toBeCloseTo(score, 5);
  });

  it('gives the first blocks of an order the factors that they have in a shorter one', async () => {
    const all = await meter.measure(rows, ORDER);
    const some = await meter.measure(rows, ORDER.slice(0, 2));
    expect([...some]).toEqual([...all].slice(0, 2));
  });

  it('is the stream of weights that were multiplied once', async () => {
    const factors = await meter.measure(rows, ORDER);
    const healed = temporaryFolder();
    await writeTinyModel(healed.path, TINY_MODELS[name]);
    const scaled = await openCheckpoint(healed.path, { cacheFolder: healed.path });
    multiplyWriters(scaled, factors);
    const scaledMeter = await StreamMeter.load(scaled, CPU);
    const removed = new Map([...factors.keys()].map((block) => [block, 1]));
    // The norms add their epsilon to the square of a stream that is larger by the factors from the start.
    const difference = (await scaledMeter.score(rows, removed)) - (await meter.score(rows, factors));
    process.stdout.write(`${name}: healing by weights differs by ${difference.toExponential(1)} nats\n`);
    expect(Math.abs(difference)).toBeLessThan(1e-4);
    await scaledMeter.close();
    healed.remove();
  });

  it('refuses what cannot be measured', async () => {
    await expect(meter.measure([], ORDER)).rejects.toThrow('no row to measure with: give at least one');
    await expect(meter.measure(rows, [0, 0])).rejects.toThrow('block mha.0 is named twice');
  });
});

/** The plain model with factors in the place of removed blocks. */
class HealedPlainModel {
  readonly factors = new Map<BlockIndex, number>();
  private readonly checkpoint: Checkpoint;
  private readonly model: PlainModel;

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
    this.model = new PlainModel(checkpoint);
  }

  ratioAround(block: BlockIndex, tokenIds: Int32Array): number {
    const before = this.streamAt(block, tokenIds);
    const after = this.model.behind(block, before);
    return magnitudeRatio({ before: flat(before), after: flat(after) }, before[0].length);
  }

  meanNats(tokenIds: Int32Array): number {
    const stream = this.streamAt(2 * this.checkpoint.shape.layerCount, tokenIds);
    return this.model.meanNats(stream, tokenIds.subarray(1));
  }

  private streamAt(boundary: BlockIndex, tokenIds: Int32Array): Float64Array[] {
    let stream = this.model.embed(tokenIds.subarray(0, -1));
    for (let block = 0; block < boundary; block++) {
      const factor = this.factors.get(block);
      stream =
        factor === undefined
          ? this.model.behind(block, stream)
          : stream.map((row) => row.map((value) => value * factor));
    }
    return stream;
  }
}

function flat(rows: readonly Float64Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

/** Multiplies, in the files of a float32 model, all that writes to the stream by the factors behind it. */
function multiplyWriters(
  { embedding, finalNorm, head, layers }: Checkpoint,
  factors: ReadonlyMap<BlockIndex, number>,
): void {
  const behind = (writer: BlockIndex): number =>
    [...factors].reduce((product, [block, factor]) => (block > writer ? product * factor : product), 1);
  multiply(embedding, behind(-1));
  if (head === embedding) multiply(finalNorm, 1 / behind(-1));
  layers.forEach(({ mha, mlp }, layer) => {
    multiplyLinear(mha!.o, behind(2 * layer));
    multiplyLinear(mlp!.down, behind(2 * layer + 1));
  });
}

function multiplyLinear({ weight, bias }: LinearTensors, factor: number): void {
  multiply(weight, factor);
  if (bias) multiply(bias, factor);
}

function multiply({ file, offsetBytes, lengthBytes, dtype }: TensorLocation, factor: number): void {
  const bytes = readFileSync(file).subarray(offsetBytes, offsetBytes + lengthBytes);
  const values = decodeFloats(dtype, bytes).map((value) => value * factor);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, new Uint8Array(values.buffer), 0, lengthBytes, offsetBytes);
  closeSync(descriptor);
}
