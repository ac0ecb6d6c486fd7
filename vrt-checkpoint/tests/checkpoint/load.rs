//! Reading weights: types, shards, both layouts of names, and every tensor that does not fit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dfdx::prelude::Cpu;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use tempfile::TempDir;
use vrt_checkpoint::{Checkpoint, CheckpointError, KeyLayout};
use vrt_core::model::dims::Golden;
use vrt_train::atomic;

use crate::golden;

/// A tensor as it is written.
#[derive(Clone)]
pub struct Stored {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

pub type Tensors = BTreeMap<String, Stored>;

/// The tensors of the golden checkpoint, in 16 bits.
pub fn tensors() -> Tensors {
    let bytes = fs::read(golden::folder().join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = file.iter().map(|(name, tensor)| {
        let stored = Stored {
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            bytes: tensor.data().to_vec(),
        };
        (name.to_owned(), stored)
    });
    stored.collect()
}

pub fn write(path: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, stored)| {
        let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes).unwrap();
        (name, view)
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// A folder with the golden configuration and no weights yet.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        golden::folder().join("config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    folder
}

/// A folder with these weights in one file.
fn with(tensors: &Tensors) -> TempDir {
    let folder = folder();
    write(&folder.path().join("model.safetensors"), tensors);
    folder
}

fn load(folder: &Path) -> Result<Golden, CheckpointError> {
    Checkpoint::open(folder)?.load(&Cpu::default())
}

fn numbers(tensors: &Tensors, name: &str) -> Vec<f32> {
    let pairs = tensors[name].bytes.as_chunks().0.iter();
    pairs
        .map(|pair| bf16::from_le_bytes(*pair).to_f32())
        .collect()
}

/// Every number is where it belongs: 16 bits widen exactly.
fn assert_golden(model: &Golden) {
    let (tensors, flat) = (tensors(), model.to_flat());
    let mut seen = 0;
    for spec in model.layout() {
        let expected = numbers(&tensors, &spec.name);
        assert_eq!(
            &flat[spec.offset..][..expected.len()],
            expected,
            "{}",
            spec.name
        );
        seen += expected.len();
    }
    assert_eq!(seen, flat.len());
}

#[test]
fn a_published_folder_loads() {
    let checkpoint = Checkpoint::open(&golden::folder()).unwrap();
    assert_eq!(checkpoint.layout(), KeyLayout::Flat);
    assert_golden(&checkpoint.load(&Cpu::default()).unwrap());
}

#[test]
fn all_widths_of_numbers_load() {
    let wide = |convert: &dyn Fn(f32) -> Vec<u8>, dtype| {
        let original = tensors();
        let names = original.keys();
        names
            .map(|name| {
                let bytes = numbers(&original, name).into_iter().flat_map(convert);
                let stored = Stored {
                    dtype,
                    shape: original[name].shape.clone(),
                    bytes: bytes.collect(),
                };
                (name.clone(), stored)
            })
            .collect::<Tensors>()
    };
    let single = wide(&|x| x.to_le_bytes().to_vec(), Dtype::F32);
    assert_golden(&load(with(&single).path()).unwrap());
    let half = wide(&|x| f16::from_f32(x).to_le_bytes().to_vec(), Dtype::F16);
    let model = load(with(&half).path()).unwrap();
    let original = tensors();
    let flat = model.to_flat();
    for spec in model.layout() {
        for (found, &expected) in flat[spec.offset..]
            .iter()
            .zip(&numbers(&original, &spec.name))
        {
            assert_eq!(*found, f16::from_f32(expected).to_f32(), "{}", spec.name);
        }
    }
}

#[test]
fn nested_names_load() {
    let nested: Tensors = tensors()
        .into_iter()
        .map(|(name, stored)| (KeyLayout::Nested.published(&name), stored))
        .collect();
    let folder = with(&nested);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.layout(), KeyLayout::Nested);
    assert_golden(&checkpoint.load(&Cpu::default()).unwrap());
}

/// The tensors in three shards with their index.
fn shards(tensors: &Tensors) -> (TempDir, serde_json::Value) {
    let folder = folder();
    let mut map = serde_json::Map::new();
    let names: Vec<&String> = tensors.keys().collect();
    for (number, part) in names.chunks(names.len().div_ceil(3)).enumerate() {
        let file = format!("model-0000{}-of-00003.safetensors", number + 1);
        let part: Tensors = part
            .iter()
            .map(|name| ((*name).clone(), tensors[*name].clone()))
            .collect();
        write(&folder.path().join(&file), &part);
        map.extend(part.into_keys().map(|name| (name, json!(file))));
    }
    let index = json!({ "metadata": { "total_size": 0 }, "weight_map": map });
    write_index(folder.path(), &index);
    (folder, index)
}

fn write_index(folder: &Path, index: &serde_json::Value) {
    let path = folder.join("model.safetensors.index.json");
    atomic::write(&path, index.to_string().as_bytes()).unwrap();
}

#[test]
fn shards_load_and_their_index_is_checked() {
    let (folder, mut index) = shards(&tensors());
    assert_golden(&load(folder.path()).unwrap());

    let moved = "lm_head.weight";
    index["weight_map"][moved] = "model-00003-of-00003.safetensors".into();
    index["weight_map"]["model.extra"] = "model-00001-of-00003.safetensors".into();
    write_index(folder.path(), &index);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "2 tensors do not fit the model: \
             `lm_head.weight` is not in `model-00003-of-00003.safetensors`, where the index places it; \
             `model.extra` is not in `model-00001-of-00003.safetensors`, where the index places it"
        ),
        "{error}"
    );

    for outside in ["../model.safetensors", "/etc/passwd", "a/b.safetensors", ""] {
        index["weight_map"][moved] = outside.into();
        write_index(folder.path(), &index);
        let error = load(folder.path()).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::ShardPath { shard, .. } if shard == outside),
            "{error}"
        );
    }

    index["weight_map"][moved] = "model-00004-of-00003.safetensors".into();
    write_index(folder.path(), &index);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("model-00004-of-00003.safetensors"),
        "{error}"
    );
}

#[test]
fn a_tensor_in_two_shards_is_refused() {
    let (folder, _) = shards(&tensors());
    let path = folder.path().join("model-00001-of-00003.safetensors");
    let mut first: Tensors = tensors();
    let third = fs::read(folder.path().join("model-00003-of-00003.safetensors")).unwrap();
    let third = SafeTensors::deserialize(&third).unwrap();
    let twice = third.names()[0].to_owned();
    let index = fs::read_to_string(folder.path().join("model.safetensors.index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    first.retain(|name, _| {
        *name == twice || index["weight_map"][name] == "model-00001-of-00003.safetensors"
    });
    write(&path, &first);
    let error = load(folder.path()).unwrap_err().to_string();
    let expected = format!(
        "a tensor does not fit the model: `{twice}` is in both `model-00001-of-00003.safetensors` and \
         `model-00003-of-00003.safetensors`"
    );
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn every_tensor_that_does_not_fit_is_listed() {
    let mut broken = tensors();
    broken.remove("model.norm.weight");
    let bias = broken.get_mut("visual.merger.mlp.2.bias").unwrap();
    bias.shape = vec![32, 2];
    let gain = broken.get_mut("visual.merger.ln_q.weight").unwrap();
    *gain = Stored {
        dtype: Dtype::I16,
        ..gain.clone()
    };
    broken.insert(
        "model.layers.3.mlp.up_proj.weight".to_owned(),
        Stored {
            dtype: Dtype::BF16,
            shape: vec![1],
            bytes: vec![0; 2],
        },
    );
    let error = load(with(&broken).path()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "4 tensors do not fit the model: \
             `visual.merger.ln_q.weight` is I16, only BF16, F16 and F32 are read; \
             `visual.merger.mlp.2.bias` is [32, 2], the model has [64]; \
             `model.norm.weight` [64] is missing; \
             `model.layers.3.mlp.up_proj.weight` [1] is none of the model's"
        ),
        "{error}"
    );
}

#[test]
fn a_tied_model_needs_no_output_map_and_forgives_a_copy() {
    let mut tied = tensors();
    let embedding = tied["model.embed_tokens.weight"].clone();
    let folder = folder();
    let config = fs::read_to_string(folder.path().join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["tie_word_embeddings"] = true.into();
    config["text_config"]["tie_word_embeddings"] = true.into();
    let text = config.to_string();
    atomic::write(&folder.path().join("config.json"), text.as_bytes()).unwrap();
    let path = folder.path().join("model.safetensors");

    let head = tied.remove("lm_head.weight").unwrap();
    write(&path, &tied);
    let model = load(folder.path()).unwrap();
    assert!(
        model
            .layout()
            .iter()
            .all(|spec| spec.name != "lm_head.weight")
    );
    tied.insert("lm_head.weight".to_owned(), embedding);
    write(&path, &tied);
    assert_eq!(load(folder.path()).unwrap().to_flat(), model.to_flat());
    tied.insert("lm_head.weight".to_owned(), head);
    write(&path, &tied);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("`lm_head.weight` [512, 64] is none of the model's"),
        "{error}"
    );
}

#[test]
fn a_folder_without_weights_says_what_was_looked_for() {
    let folder = folder();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "neither `model.safetensors` nor `model.safetensors.index.json`; give the folder that was downloaded"
        ),
        "{error}"
    );
}
