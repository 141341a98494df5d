import { join } from 'node:path';
import type { Healing, Mask, PackedLayer } from '@blockpruner/blocks';
import {
  layoutOf,
  layOutTensors,
  LLAMA_NAMES,
  openCheckpoint,
  tensorOf,
  type Checkpoint,
  type TensorLocation,
  type TensorRole,
} from '@blockpruner/checkpoint';
import { exportIdentity, planHuggingFace, prunedModel, writeExport } from '../src/index.ts';
import type { HuggingFaceOptions } from '../src/huggingface.ts';
import { floatRows } from '../src/source-rows.ts';

/** Opens a model whose weights are plain floats. */
export function open(folder: string): Promise<Checkpoint> {
  return openCheckpoint(folder, { cacheFolder: join(folder, 'cache') });
}

/** Exports a model as a Hugging Face folder. */
export async function exportFolder(
  source: Checkpoint,
  mask: Mask,
  output: string,
  options: Partial<HuggingFaceOptions> & { healing?: Healing } = {},
): Promise<{ notes: readonly string[]; fileNames: string[] }> {
  const { healing, ...given } = options;
  const model = prunedModel(source, mask, healing);
  const plan = await planHuggingFace(model, { dtype: 'source', compat: false, card: '# Card\n', ...given });
  await writeExport(output, plan, { identity: exportIdentity(model, {}) });
  return { notes: plan.notes, fileNames: plan.files.map(({ name }) => name) };
}

/** A tensor of an export with the one of the source that it was made of, where there is one. */
export interface TensorPair {
  readonly role: TensorRole;
  readonly shape: readonly number[];
  readonly written: TensorLocation;
  readonly source: TensorLocation | null;
}

/** Every tensor of an export beside what it was made of. @param packed which layers of the source it was made of */
export function tensorPairs(
  written: Checkpoint,
  source: Checkpoint,
  packed: readonly PackedLayer[],
): TensorPair[] {
  const pairs: TensorPair[] = [];
  layOutTensors(layoutOf(written), LLAMA_NAMES, (_, shape, role) => {
    const ofMha = ['mhaNorm', 'q', 'k', 'v', 'o'].includes(role.module);
    const layer = role.layer === null ? null : packed[role.layer][ofMha ? 'mha' : 'mlp'];
    pairs.push({
      role,
      shape,
      written: tensorOf(written, role)!,
      source: role.layer !== null && layer === null ? null : tensorOf(source, { ...role, layer }),
    });
  });
  return pairs;
}

/** All values of a tensor, row-major. */
export function valuesOf(tensor: TensorLocation): Promise<Float32Array> {
  const rows = floatRows(tensor);
  return rows.readFloats(0, rows.rowCount);
}
