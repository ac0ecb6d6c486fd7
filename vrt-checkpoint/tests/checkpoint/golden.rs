//! The golden files.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

static OUTPUTS: &[u8] =
    include_bytes!("../../../vrt-core/tests/golden/qwen2_5_vl/golden.safetensors");

/// The folder of the tiny random checkpoint.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vrt-core/tests/golden/qwen2_5_vl")
}

fn tensor<T>(name: &str, kind: Dtype, read: impl Fn(&[u8]) -> Vec<T>) -> Vec<T> {
    let file = SafeTensors::deserialize(OUTPUTS).unwrap();
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), kind, "{name}");
    read(tensor.data())
}

pub fn floats(name: &str) -> Vec<f32> {
    tensor(name, Dtype::F32, |data| {
        let numbers = data.as_chunks().0.iter();
        numbers.map(|b| f32::from_le_bytes(*b)).collect()
    })
}

pub fn integers(name: &str) -> Vec<i64> {
    tensor(name, Dtype::I64, |data| {
        let numbers = data.as_chunks().0.iter();
        numbers.map(|b| i64::from_le_bytes(*b)).collect()
    })
}

pub fn bytes(name: &str) -> (Vec<usize>, Vec<u8>) {
    let file = SafeTensors::deserialize(OUTPUTS).unwrap();
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::U8, "{name}");
    (tensor.shape().to_vec(), tensor.data().to_vec())
}

pub fn grid(name: &str) -> [usize; 3] {
    let grid = integers(name);
    [0, 1, 2].map(|at| grid[at] as usize)
}

pub fn ids(name: &str) -> Vec<u32> {
    integers(name).into_iter().map(|id| id as u32).collect()
}
