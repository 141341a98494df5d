import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { encodeFloats, openCheckpoint, writeSafetensors } from '@blockpruner/checkpoint';
import { engineVersion, executionProviders, numericClass, SweepEvaluator } from '@blockpruner/inference';
import { rowMeanNats } from '@blockpruner/perplexity';

const HIDDEN = 32;
const VOCABULARY = 64;

/** What `blockpruner doctor` asks a worker. */
export interface SelfTest {
  readonly engine: string;
  readonly numericClass: string;
  readonly providers: readonly { readonly name: string; readonly bundled: boolean }[];
  /** Mean negative log-likelihood of one row, nats: a one-layer model of zero weights knows nothing, `ln 64`. */
  readonly meanNats: number;
  readonly expectedNats: number;
  readonly seconds: number;
}

/** Loads a one-layer model and evaluates it on the CPU, as a worker would. */
export async function selfTest(): Promise<SelfTest> {
  const folder = await mkdtemp(join(tmpdir(), 'blockpruner-self-test-'));
  const startedMs = performance.now();
  try {
    await writeZeroModel(folder);
    const checkpoint = await openCheckpoint(folder, { cacheFolder: folder });
    const evaluator = await SweepEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    const tokenIds = Int32Array.from({ length: 17 }, (_, i) => i);
    let meanNats = NaN;
    await evaluator.evaluate(
      { base: [], candidates: [], baseline: true },
      [{ index: 0, tokenIds }],
      CPU_SHAPE_PLAN,
      ([cell]) => (meanNats = rowMeanNats(cell.windowSums, 16)),
    );
    await evaluator.close();
    return {
      engine: engineVersion(),
      numericClass: numericClass('cpu', 'fp32'),
      providers: executionProviders(),
      meanNats,
      expectedNats: Math.log(VOCABULARY),
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeZeroModel(folder: string): Promise<void> {
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [VOCABULARY, HIDDEN],
    'model.norm.weight': [HIDDEN],
    'model.layers.0.input_layernorm.weight': [HIDDEN],
    'model.layers.0.post_attention_layernorm.weight': [HIDDEN],
    'model.layers.0.mlp.gate_proj.weight': [HIDDEN, HIDDEN],
    'model.layers.0.mlp.up_proj.weight': [HIDDEN, HIDDEN],
    'model.layers.0.mlp.down_proj.weight': [HIDDEN, HIDDEN],
  };
  for (const name of ['q', 'k', 'v', 'o'])
    shapes[`model.layers.0.self_attn.${name}_proj.weight`] = [HIDDEN, HIDDEN];
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    Object.entries(shapes).map(([name, shape]) => ({
      name,
      dtype: 'float32' as const,
      shape,
      data: encodeFloats('float32', new Float32Array(shape.reduce((product, size) => product * size, 1))),
    })),
  );
  const config = {
    model_type: 'llama',
    hidden_size: HIDDEN,
    intermediate_size: HIDDEN,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: VOCABULARY,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
    hidden_act: 'silu',
    tie_word_embeddings: true,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
}
