import type { EvaluationGraph } from '@blockpruner/graph';
import * as ort from 'onnxruntime-node';
import { packedModel, type SharedWeights } from './shared-weights.ts';

/** Smaller constants stay in the model itself. */
const SMALLEST_SHARED_BYTES = 1024;

/** A weight of another type is cast once, while the model loads, however large it is: the default stops at 1 GiB. */
const FOLD_EVERY_CAST = { constant_folding_max_output_size_in_bytes: '0' };

/** Weights never leave: in the arena they would make it grow by powers of two. */
const OUTSIDE_THE_ARENA = { use_device_allocator_for_initializers: '1' };

/** How a graph is loaded. */
export interface LoadOptions {
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  readonly threads: number;
}

/**
 * Loads a graph into onnxruntime on one provider only: nothing falls back to another.
 * @param sharing where the weights are packed in a file for all processes of this machine
 */
export async function createSession(
  graph: EvaluationGraph,
  options: LoadOptions,
  sharing?: SharedWeights,
): Promise<ort.InferenceSession> {
  const common = providerOptions(options);
  if (sharing !== undefined) {
    const path = await packedModel(sharing, graph, async (wide, modelPath, weightsFile) => {
      const saving = {
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: weightsFile,
        optimized_model_external_initializers_min_size_in_bytes: String(SMALLEST_SHARED_BYTES),
      };
      const session = await ort.InferenceSession.create(wide.modelBytes, {
        ...common,
        optimizedModelFilePath: modelPath,
        extra: { session: { ...weightsIn(wide), ...saving } },
      });
      await session.release();
    });
    if (path !== null) return ort.InferenceSession.create(path, common);
  }
  return ort.InferenceSession.create(graph.modelBytes, {
    ...common,
    extra: { session: { ...weightsIn(graph), ...OUTSIDE_THE_ARENA }, optimization: FOLD_EVERY_CAST },
  });
}

function weightsIn({ externalDataFolder }: EvaluationGraph): Record<string, string> {
  return { model_external_initializers_file_folder_path: externalDataFolder };
}

/** Options of a session on a device: its provider alone, and so many threads. */
export function providerOptions({
  device,
  threads,
}: Pick<LoadOptions, 'device' | 'threads'>): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [providerOf(device)],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  };
}

function providerOf(device: string): ort.InferenceSession.ExecutionProviderConfig {
  if (device === 'cpu') return 'cpu';
  const index = /^cuda:(\d+)$/.exec(device)?.[1];
  if (index === undefined) throw new RangeError(`device "${device}" is neither cpu nor cuda:<index>`);
  return { name: 'cuda', deviceId: Number(index) };
}
