// Tensors of the contract from typed arrays and back. Both are little-endian wherever Node runs.

import type { Tensor, Tensor__Output } from './generated/descent/v1/Tensor.js';

/** A matrix of so many columns as raw bytes, the fastest encoding. */
export function tensor(values: Float32Array, columns: number): Tensor {
  return {
    dataType: 'DATA_TYPE_FLOAT32',
    shape: [values.length / columns, columns],
    raw: Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** The values of a float32 tensor, which is raw in the answer to a raw one. */
export function floats(tensor: Tensor__Output | null): Float32Array {
  // A copy, for a Float32Array's bytes must be aligned.
  const raw = Uint8Array.from(tensor?.raw ?? []);
  return new Float32Array(raw.buffer);
}
