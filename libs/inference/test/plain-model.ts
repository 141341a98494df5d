import { readFileSync } from 'node:fs';
import {
  decodeFloats,
  type Checkpoint,
  type LinearTensors,
  type TensorLocation,
} from '@blockpruner/checkpoint';

/** What a block adds to the residual stream, `[tokens][hidden]` in and out. */
type Block = (stream: readonly Float64Array[]) => Float64Array[];

/**
 * A Llama in float64, in the plainest way: no graph, no cache, no batch, and nothing of the engine but the reading of
 * tensors. Without sliding window and rope scaling.
 */
export class PlainModel {
  private readonly checkpoint: Checkpoint;

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** The residual stream at the embedding. */
  embed(tokenIds: Int32Array): Float64Array[] {
    const table = rowsOf(this.checkpoint.embedding);
    return Array.from(tokenIds, (token) => table[token]);
  }

  /** The stream behind a block, whose output is added to it. */
  behind(block: number, stream: readonly Float64Array[]): Float64Array[] {
    const layer = this.checkpoint.layers[block >> 1];
    const added = (block % 2 === 0 ? this.attention(layer.mha!) : this.feedForward(layer.mlp!))(stream);
    return stream.map((row, t) => row.map((value, i) => value + added[t][i]));
  }

  /** Mean negative log-likelihood, nats, of the tokens behind each position. */
  meanNats(stream: readonly Float64Array[], targets: Int32Array): number {
    const head = rowsOf(this.checkpoint.head);
    const normed = this.norm(stream, this.checkpoint.finalNorm);
    const nats = normed.map((row, t) => {
      const logits = head.map((weights) => dot(weights, row));
      const largest = Math.max(...logits);
      const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
      return largest + Math.log(sum) - logits[targets[t]];
    });
    return nats.reduce((sum, value) => sum + value, 0) / nats.length;
  }

  private attention({ norm, q, k, v, o }: NonNullable<Checkpoint['layers'][number]['mha']>): Block {
    const { headCount, kvHeadCount, headSize } = this.checkpoint.shape;
    return (stream) => {
      const normed = this.norm(stream, norm);
      const queries = this.rotated(linear(normed, q), headCount);
      const keys = this.rotated(linear(normed, k), kvHeadCount);
      const values = linear(normed, v);
      const attended = queries.map((query, t) => {
        const out = new Float64Array(headCount * headSize);
        for (let head = 0; head < headCount; head++) {
          const kvStart = Math.floor((head * kvHeadCount) / headCount) * headSize;
          const of = query.subarray(head * headSize, (head + 1) * headSize);
          const scores = keys
            .slice(0, t + 1)
            .map((key) => dot(of, key.subarray(kvStart, kvStart + headSize)) / Math.sqrt(headSize));
          const largest = Math.max(...scores);
          const weights = scores.map((score) => Math.exp(score - largest));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let i = 0; i < headSize; i++) {
            out[head * headSize + i] =
              weights.reduce((sum, weight, s) => sum + weight * values[s][kvStart + i], 0) / total;
          }
        }
        return out;
      });
      return linear(attended, o);
    };
  }

  private feedForward({ norm, gate, up, down }: NonNullable<Checkpoint['layers'][number]['mlp']>): Block {
    return (stream) => {
      const normed = this.norm(stream, norm);
      const gates = linear(normed, gate);
      const ups = linear(normed, up);
      return linear(
        gates.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * ups[t][i])),
        down,
      );
    };
  }

  private norm(stream: readonly Float64Array[], location: TensorLocation): Float64Array[] {
    const [weights] = rowsOf({ ...location, shape: [1, location.shape[0]] });
    return stream.map((row) => {
      const scale = 1 / Math.sqrt(dot(row, row) / row.length + this.checkpoint.normEpsilon);
      return row.map((value, i) => value * scale * weights[i]);
    });
  }

  private rotated(rows: Float64Array[], headCount: number): Float64Array[] {
    const { headSize } = this.checkpoint.shape;
    const half = headSize / 2;
    return rows.map((row, position) => {
      const out = row.slice();
      for (let head = 0; head < headCount; head++) {
        for (let i = 0; i < half; i++) {
          const angle = position / this.checkpoint.rope.theta ** ((2 * i) / headSize);
          const [a, b] = [head * headSize + i, head * headSize + half + i];
          out[a] = row[a] * Math.cos(angle) - row[b] * Math.sin(angle);
          out[b] = row[b] * Math.cos(angle) + row[a] * Math.sin(angle);
        }
      }
      return out;
    });
  }
}

function linear(rows: readonly Float64Array[], { weight, bias }: LinearTensors): Float64Array[] {
  const weights = rowsOf(weight);
  const biases = bias === null ? null : rowsOf({ ...bias, shape: [1, bias.shape[0]] })[0];
  return rows.map((row) => Float64Array.from(weights, (of, i) => dot(of, row) + (biases?.[i] ?? 0)));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** A matrix as its rows. */
function rowsOf({ file, offsetBytes, lengthBytes, dtype, shape }: TensorLocation): Float64Array[] {
  const bytes = readFileSync(file).subarray(offsetBytes, offsetBytes + lengthBytes);
  const values = Float64Array.from(decodeFloats(dtype, bytes));
  return Array.from({ length: shape[0] }, (_, row) => values.subarray(row * shape[1], (row + 1) * shape[1]));
}
