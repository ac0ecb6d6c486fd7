//! In: a folder of safetensors. Out: its tensors by name, still in the files, which are mapped into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use vrt_train::atomic::FileError;

use crate::error::{CheckpointError, TensorProblem};
use crate::json;

/// The only file of a small checkpoint.
pub const SINGLE: &str = "model.safetensors";
/// Says which shard holds which tensor.
pub const INDEX: &str = "model.safetensors.index.json";

/// Where a tensor's numbers are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    shard: usize,
    range: Range<usize>,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
}

/// The tensors of a checkpoint's files.
#[derive(Debug)]
pub(crate) struct Shards {
    maps: Vec<Mmap>,
    pub(crate) places: BTreeMap<String, Place>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// Maps `model.safetensors`, or else the shards that the index names.
    pub(crate) fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let mut shards = Self {
            maps: Vec::new(),
            places: BTreeMap::new(),
        };
        if folder.join(SINGLE).exists() {
            for (name, place) in shards.map(&folder.join(SINGLE))? {
                shards.places.insert(name, place);
            }
            return Ok(shards);
        }
        let path = folder.join(INDEX);
        if !path.exists() {
            return Err(CheckpointError::NoWeights {
                folder: folder.to_owned(),
            });
        }
        let index: Index = json::read(&path)?;
        let files: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
        let files: Vec<&str> = files.into_iter().collect();
        if let Some(shard) = files.iter().find(|shard| !is_plain(shard)) {
            return Err(CheckpointError::ShardPath {
                path,
                shard: (*shard).to_owned(),
            });
        }
        let mut problems = Vec::new();
        for (number, file) in files.iter().enumerate() {
            for (name, place) in shards.map(&folder.join(file))? {
                if let Some(other) = shards.places.get(&name) {
                    problems.push(TensorProblem::Twice {
                        name,
                        shards: [other.shard, number].map(|shard| files[shard].to_owned()),
                    });
                } else {
                    shards.places.insert(name, place);
                }
            }
        }
        let twice: BTreeSet<String> = problems.iter().filter_map(TensorProblem::twice).collect();
        for (name, shard) in &index.weight_map {
            let held = shards.places.get(name);
            let elsewhere = held.is_none_or(|place| files[place.shard] != shard);
            // What two shards hold is told once.
            if elsewhere && !twice.contains(name) {
                problems.push(TensorProblem::NotInShard {
                    name: name.clone(),
                    shard: shard.clone(),
                });
            }
        }
        if problems.is_empty() {
            Ok(shards)
        } else {
            Err(CheckpointError::Tensors {
                folder: folder.to_owned(),
                problems,
            })
        }
    }

    fn map(&mut self, path: &Path) -> Result<Vec<(String, Place)>, CheckpointError> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        // SAFETY: the map is only read, and through bounds-checked slices. Another process that cuts or rewrites the
        // file meanwhile could break that; published weights are not rewritten in place, and ours are renamed.
        let map = unsafe { Mmap::map(&file) }.map_err(FileError::at("map", path))?;
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|error| CheckpointError::Damaged {
                path: path.to_owned(),
                problem: error.to_string(),
            })?;
        let start = header + size_of::<u64>();
        let places = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (from, to) = info.data_offsets;
                let place = Place {
                    shard: self.maps.len(),
                    range: start + from..start + to,
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                };
                (name, place)
            })
            .collect();
        self.maps.push(map);
        Ok(places)
    }

    /// The bytes of a tensor.
    pub(crate) fn bytes(&self, place: &Place) -> &[u8] {
        &self.maps[place.shard][place.range.clone()]
    }
}

/// Whether a name stays inside its folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

/// The path of a shard among `count`, numbered from 1 as transformers does.
pub(crate) fn shard_name(number: usize, count: usize) -> PathBuf {
    PathBuf::from(format!("model-{number:05}-of-{count:05}.safetensors"))
}
