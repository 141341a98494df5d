/** A tensor of any dtype of safetensors. */
export interface RawTensor {
  readonly name: string;
  /** As in the header, e.g. `F8_E4M3`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The bytes of a safetensors file. */
export function rawSafetensors(tensors: readonly RawTensor[]): Buffer {
  let offset = 0;
  const entries = tensors.map(({ name, dtype, shape, data }) => {
    const begin = offset;
    offset += data.length;
    return [name, { dtype, shape, data_offsets: [begin, offset] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...tensors.map(({ data }) => data)]);
}
