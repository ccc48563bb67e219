// Where the samples come from: any source will do that can be asked for a batch by its number, for
// after a broken connection the server says with which to go on.
//
// The target is Friedman's first problem without its sine, 10 x1 x2 + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5,
// of features in [0, 1), of which three say nothing. A linear congruential generator draws multiples
// of 1/256, so that every sample is exact in float32 and the same in any language.

import type { Batch } from './generated/descent/v1/Batch.js';
import { tensor } from './tensor.js';

export const FEATURES = 8;
export const BATCHES = 1000;
const BATCH_ROWS = 32;

export interface Rows {
  inputs: Float32Array;
  targets: Float32Array;
}

export function rows(seed: number, count: number): Rows {
  let state = seed;
  const inputs = new Float32Array(count * FEATURES).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) / 256;
  });
  const targets = new Float32Array(count).map((_, row) => {
    const x = inputs.subarray(row * FEATURES);
    return 10 * x[0] * x[1] + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4];
  });
  return { inputs, targets };
}

/** The training batch with this sequence number, counted from 1. */
export function batch(sequence: number): Batch {
  const { inputs, targets } = rows(Math.imul(sequence, 2654435761) >>> 0, BATCH_ROWS);
  return { inputs: tensor(inputs, FEATURES), targets: tensor(targets, 1) };
}
