import { open } from 'node:fs/promises';
import type { Checkpoint, LinearTensors, TensorLocation } from './checkpoint.ts';
import { fromFileSystem } from './checkpoint-error.ts';
import { readFloats } from './float-tensor.ts';

/**
 * Writes float32 copies of a run of layers and of the final norm, and of the head where the last layer is among them, to
 * a file, a few MiB at a time.
 * @param layers the first, and the one behind the last
 * @returns the checkpoint with those tensors in the file; the others are where they were
 * @throws CheckpointError when a tensor cannot be read, or the disk is full
 */
export async function widenToFloat32(
  checkpoint: Checkpoint,
  file: string,
  layers: { readonly start: number; readonly end: number },
): Promise<Checkpoint> {
  const tensors: TensorLocation[] = [];
  let offsetBytes = 0;
  const place = (tensor: TensorLocation): TensorLocation => {
    tensors.push(tensor);
    const lengthBytes = 4 * tensor.shape.reduce((product, size) => product * size, 1);
    const placed: TensorLocation = { ...tensor, file, offsetBytes, lengthBytes, dtype: 'float32' };
    offsetBytes += lengthBytes;
    return placed;
  };
  const linear = ({ weight, bias }: LinearTensors): LinearTensors => ({
    weight: place(weight),
    bias: bias && place(bias),
  });
  const widened = checkpoint.layers.map((layer, index) => {
    if (index < layers.start || index >= layers.end) return layer;
    const { mha, mlp } = layer;
    return {
      mha: mha && {
        norm: place(mha.norm),
        q: linear(mha.q),
        k: linear(mha.k),
        v: linear(mha.v),
        o: linear(mha.o),
      },
      mlp: mlp && {
        norm: place(mlp.norm),
        gate: linear(mlp.gate),
        up: linear(mlp.up),
        down: linear(mlp.down),
      },
    };
  });
  const finalNorm = place(checkpoint.finalNorm);
  const head = layers.end === checkpoint.layers.length ? place(checkpoint.head) : checkpoint.head;
  await writeFloats(file, tensors);
  return { ...checkpoint, layers: widened, finalNorm, head };
}

async function writeFloats(file: string, tensors: readonly TensorLocation[]): Promise<void> {
  try {
    const handle = await open(file, 'w');
    try {
      for (const tensor of tensors) {
        for await (const { buffer, byteOffset, byteLength } of readFloats(tensor)) {
          await handle.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
        }
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fromFileSystem(error, file);
  }
}
