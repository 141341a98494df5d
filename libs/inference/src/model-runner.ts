import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CPU_SHAPE_PLAN,
  formatMask,
  makeMask,
  parseMask,
  requirePresent,
  type Mask,
} from '@blockpruner/blocks';
import { openCheckpoint, repackCheckpoint, type Checkpoint, type OpenOptions } from '@blockpruner/checkpoint';
import type {
  BlockFactor,
  GenerateRequest,
  Generation,
  HealRequest,
  HealResult,
  LoadedModel,
  LoadRequest,
  Measurement,
  MeasureRequest,
  RowScores,
  ScoreRequest,
} from '@blockpruner/generation';
import { rowMeanNats, type IndexedRow } from '@blockpruner/perplexity';
import { DecoderSession } from './decoder-session.ts';
import { weightFormat, type Dtype } from './dtype.ts';
import { generate } from './generate.ts';
import { loadOnDevice } from './load-on-device.ts';
import { OracleEvaluator } from './oracle-evaluator.ts';
import { holdsOwnGraph } from './runtime-config.ts';
import { StreamMeter } from './stream-meter.ts';
import { rowNats } from './token-nats.ts';

/** Files of weights that a graph reads. */
const WEIGHTS_FILE = /\.(data|safetensors|onnx)$/;
const GREEDY = { temperature: 0, topK: null, topP: 1, seed: 0 };

type Engine = DecoderSession | OracleEvaluator | StreamMeter;
type EngineName = 'evaluator' | 'meter' | 'decoder' | 'own graph';

/**
 * One model, with the blocks of a mask left out, run for whatever it is asked for.
 *
 * Invariants:
 * 1. At most one engine is in memory; the one that is asked for next takes its place.
 * 2. `checkpoint` is null where the folder has nothing but a graph of its own.
 */
export class ModelRunner {
  private readonly request: LoadRequest;
  private readonly dtype: Dtype;
  private readonly checkpoint: Checkpoint | null;
  private held: { readonly name: EngineName; readonly engine: Engine } | undefined;

  private constructor(request: LoadRequest, dtype: Dtype, checkpoint: Checkpoint | null) {
    this.request = request;
    this.dtype = dtype;
    this.checkpoint = checkpoint;
  }

  /**
   * Opens the model; engines are loaded when they are asked for.
   * @param dtype what the request's comes to on its device
   * @throws CheckpointError when it cannot be read, RangeError when it lacks a block of the mask
   */
  static async open(
    request: LoadRequest,
    dtype: Dtype,
    onProgress?: OpenOptions['onProgress'],
  ): Promise<ModelRunner> {
    const { modelPath, mask, cacheFolder } = request;
    if (!(await holdsOwnGraph(modelPath))) {
      const checkpoint = await openCheckpoint(modelPath, { cacheFolder, onProgress });
      requirePresent(checkpoint.shape, parseMask(formatMask(mask), checkpoint.shape.layerCount));
      return new ModelRunner(request, dtype, checkpoint);
    }
    if (mask.length > 0) {
      throw new RangeError(
        `${modelPath} holds a graph of its own, from which ${formatMask(mask)} cannot be left out: name the model that it was made of`,
      );
    }
    return new ModelRunner(request, dtype, null);
  }

  get loaded(): LoadedModel {
    return {
      form: this.checkpoint === null ? 'graph' : 'checkpoint',
      fingerprint: this.checkpoint?.fingerprint ?? null,
    };
  }

  /** @throws Error when a score is not finite, RangeError when there is nothing to score */
  async score({ rows, with: by }: ScoreRequest): Promise<RowScores> {
    const short = rows.findIndex(({ length }) => length < 2);
    if (short >= 0) throw new RangeError(`row ${short} has fewer than two tokens: nothing is predicted`);
    if (by === 'engine') return { rowNats: await this.engineNats(rows, this.request.mask) };
    const session = await this.engine('own graph');
    const means: number[] = [];
    for (const row of rows) means.push(await rowNats(session, row));
    return { rowNats: means };
  }

  /** @param onToken is told each token as it comes */
  async generate(request: GenerateRequest, onToken: (tokenId: number) => void): Promise<Generation> {
    return generate(await this.decoder(), request, onToken);
  }

  /**
   * Measures the factors of the removed blocks, and what they do to the score of other rows.
   * @param onFactor is told each factor as it is known
   * @throws RangeError when the order is not of the mask that the model was loaded with
   */
  async heal(
    { order, rows, scoredRows }: HealRequest,
    onFactor: (factor: BlockFactor) => void,
  ): Promise<HealResult> {
    const [named, mask] = [formatMask(makeMask(order)), formatMask(this.request.mask)];
    if (named !== mask)
      throw new RangeError(`the order is of ${named}, the model was loaded without ${mask}`);
    const meter = await this.engine('meter');
    const healing = await meter.measure(indexed(rows), order, (block, factor) => onFactor({ block, factor }));
    if (scoredRows.length === 0) return { healing, scores: null };
    const passedBy = new Map(order.map((block) => [block, 1]));
    const others = indexed(scoredRows);
    return {
      healing,
      scores: { without: await meter.score(others, passedBy), healed: await meter.score(others, healing) },
    };
  }

  /** Runs a made-up prompt and so many tokens behind it. */
  async measure({ promptTokens, newTokens }: MeasureRequest): Promise<Measurement> {
    const session = await this.decoder();
    // Ids in the middle of the vocabulary: which they are changes no time.
    const tokenIds = Int32Array.from({ length: promptTokens }, (_, i) => (i * 7919) % session.vocabSize);
    const request = { tokenIds, maxNewTokens: newTokens + 1, sampling: GREEDY, stopIds: [] };
    const startedMs = performance.now();
    let firstTokenMs: number | undefined;
    const run = await generate(session, request, () => (firstTokenMs ??= performance.now()));
    if (run.newTokens <= newTokens) {
      throw new RangeError(
        `${promptTokens + newTokens + 1} tokens do not fit the model's context of ${session.contextTokens}: take a shorter prompt`,
      );
    }
    return {
      prefillSeconds: run.prefillSeconds,
      firstTokenSeconds: ((firstTokenMs ?? startedMs) - startedMs) / 1000,
      decodeSeconds: run.decodeSeconds,
      residentBytes: process.memoryUsage.rss(),
      weightBytes: await this.weightBytes(),
      cacheBytesPerToken: session.cacheBytesPerToken,
    };
  }

  async close(): Promise<void> {
    await this.held?.engine.close();
    this.held = undefined;
  }

  private async engineNats(rows: readonly Int32Array[], base: Mask): Promise<number[]> {
    const evaluator = await this.engine('evaluator');
    const means = rows.map(() => NaN);
    const sweep = { base, candidates: [], baseline: true };
    await evaluator.evaluate(sweep, indexed(rows), CPU_SHAPE_PLAN, ([cell]) => {
      means[cell.row] = rowMeanNats(cell.windowSums, rows[cell.row].length - 1);
    });
    const bad = means.findIndex((mean) => !Number.isFinite(mean));
    if (bad < 0) return means;
    throw new Error(
      `the model computes a score of ${means[bad]} on row ${bad}: check the weights and the dtype`,
    );
  }

  private decoder(): Promise<DecoderSession> {
    return this.engine(this.checkpoint === null ? 'own graph' : 'decoder');
  }

  private engine(name: 'evaluator'): Promise<OracleEvaluator>;
  private engine(name: 'meter'): Promise<StreamMeter>;
  private engine(name: 'decoder' | 'own graph'): Promise<DecoderSession>;
  private async engine(name: EngineName): Promise<Engine> {
    if (this.held?.name === name) return this.held.engine;
    await this.close(); // (1)
    const engine = await loadOnDevice(this.request.device, () => this.load(name));
    this.held = { name, engine };
    return engine;
  }

  private load(name: EngineName): Promise<Engine> {
    const { dtype, checkpoint } = this;
    const { device, threads, modelPath, mask } = this.request;
    if (name === 'own graph') return DecoderSession.ofFolder(modelPath, { device, threads });
    if (checkpoint === null) {
      throw new RangeError(`${modelPath} holds a graph and no weights: score it by its own graph`);
    }
    if (name === 'meter') return StreamMeter.load(checkpoint, { device, threads, dtype });
    if (name === 'evaluator') return OracleEvaluator.load(checkpoint, { device, threads, dtype });
    const packed = repackCheckpoint(checkpoint, mask);
    return DecoderSession.ofCheckpoint(packed, { device, threads, dtype, logits: 'last' });
  }

  private async weightBytes(): Promise<number> {
    const { checkpoint, dtype } = this;
    const { device, mask, modelPath } = this.request;
    if (checkpoint !== null) {
      const { totalParameters } = repackCheckpoint(checkpoint, mask).shape;
      return totalParameters * weightFormat(device, dtype).bytesPerWeight;
    }
    const names = (await readdir(modelPath)).filter((name) => WEIGHTS_FILE.test(name));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(modelPath, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

function indexed(rows: readonly Int32Array[]): IndexedRow[] {
  return rows.map((tokenIds, index) => ({ index, tokenIds }));
}
