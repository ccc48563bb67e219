//! Where the samples come from: any source will do that can be asked for a batch by its number, for
//! after a broken connection the server says with which to go on.
//!
//! The target is Friedman's first problem without its sine, 10 x1 x2 + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5,
//! of features in [0, 1), of which three say nothing. A linear congruential generator draws multiples
//! of 1/256, so that every sample is exact in float32 and the same in any language.

use crate::pb::Batch;
use crate::tensor::tensor;

pub const FEATURES: usize = 8;
pub const BATCHES: i64 = 1000;
const BATCH_ROWS: usize = 32;

pub struct Rows {
    pub inputs: Vec<f32>,
    pub targets: Vec<f32>,
}

pub fn rows(seed: u32, count: usize) -> Rows {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 24) as f32 / 256.0
    };
    let inputs: Vec<f32> = (0..count * FEATURES).map(|_| draw()).collect();
    let targets = inputs
        .chunks_exact(FEATURES)
        .map(|x| 10.0 * x[0] * x[1] + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4])
        .collect();
    Rows { inputs, targets }
}

/// The training batch with this sequence number, counted from 1.
pub fn batch(sequence: i64) -> Batch {
    let Rows { inputs, targets } = rows((sequence as u32).wrapping_mul(2654435761), BATCH_ROWS);
    Batch {
        inputs: Some(tensor(&inputs, FEATURES)),
        targets: Some(tensor(&targets, 1)),
        ..Default::default()
    }
}
