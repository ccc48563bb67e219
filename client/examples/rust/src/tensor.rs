//! Tensors of the contract from slices and back.

use crate::pb::{DataType, Tensor, tensor::Contents};

/// A matrix of so many columns as raw little-endian bytes, the fastest encoding.
pub fn tensor(values: &[f32], columns: usize) -> Tensor {
    Tensor {
        data_type: DataType::Float32.into(),
        shape: vec![(values.len() / columns) as i64, columns as i64],
        contents: Some(Contents::Raw(
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )),
        ..Default::default()
    }
}

/// The values of a float32 tensor, which is raw in the answer to a raw one.
pub fn floats(tensor: Option<Tensor>) -> Vec<f32> {
    let Some(Contents::Raw(raw)) = tensor.and_then(|tensor| tensor.contents) else {
        return Vec::new();
    };
    let (values, _) = raw.as_chunks();
    values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
