//! In: a typed model and the configuration it came with. Out: a folder that transformers and [`crate::load`] read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dfdx::prelude::{ConstShape, Cpu, HasShape, Tensor};
use half::bf16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;
use vrt_core::model::ParamSpec;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::params::{Parameters, Visitor};
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;
use vrt_train::atomic::{self, FileError};

use crate::alias::{WithModel, with_model};
use crate::config::{self, ModelConfig};
use crate::error::{CheckpointError, TensorProblem};
use crate::names::KeyLayout;
use crate::shards::{INDEX, SINGLE, shard_name};

/// The type of the numbers in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 16 bits, rounded to the nearest, ties to even: as published.
    Bf16,
    /// 32 bits: nothing is lost.
    F32,
}

impl Precision {
    fn bytes(self) -> u64 {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::Bf16 => Dtype::BF16,
            Self::F32 => Dtype::F32,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
        }
    }
}

/// How to write a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saving {
    /// The type of the numbers.
    pub precision: Precision,
    /// How tensors are named.
    pub layout: KeyLayout,
    /// Largest number of tensor bytes in a file.
    pub shard_bytes: u64,
    /// Folder from which tokenizer, template and processor files are taken along.
    pub companions: Option<PathBuf>,
}

impl Default for Saving {
    /// As published: 16 bits, flat names, files of 5 GB.
    fn default() -> Self {
        Self {
            precision: Precision::Bf16,
            layout: KeyLayout::Flat,
            shard_bytes: 5_000_000_000,
            companions: None,
        }
    }
}

/// What a checkpoint holds besides configuration and weights; taken along where it is there.
const COMPANIONS: [&str; 9] = [
    "generation_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
];

/// Writes `config.json`, the weights and their index into a new folder; it appears whole or not at all.
///
/// One shard at a time is held in memory.
///
/// # Errors
/// [`CheckpointError`]: the folder exists, a tensor is larger than a shard may be, or the file system refused.
pub fn save<V: VisionModel<Width = X::Width>, X: TextModel>(
    folder: &Path,
    model: &Qwen25Vl<V, X>,
    config: &ModelConfig,
    saving: &Saving,
) -> Result<(), CheckpointError> {
    write(folder, &model.layout(), config, saving, |writer| {
        model.visit("", writer);
    })
}

/// [`save`] without a model: `values` gives each parameter by its name in the model, row-major; it is asked once for each.
///
/// # Errors
/// As [`save`]; [`CheckpointError::NoAlias`] if no type has these sizes, [`CheckpointError::Tensors`] if a parameter is
/// missing or misshaped.
pub fn save_values(
    folder: &Path,
    config: &ModelConfig,
    saving: &Saving,
    mut values: impl FnMut(&str) -> Option<Vec<f32>>,
) -> Result<(), CheckpointError> {
    let layout = with_model(config, Declare(config))?;
    write(folder, &layout, config, saving, |writer| {
        for spec in &layout {
            match values(&spec.name) {
                Some(values) if values.len() == spec.shape.iter().product::<usize>() => {
                    writer.push(&spec.name, &spec.shape, &values);
                }
                _ => writer.refuse(spec),
            }
        }
    })
}

struct Declare<'a>(&'a ModelConfig);

impl WithModel for Declare<'_> {
    type Out = Vec<ParamSpec>;

    fn run<V, X>(self, _: &'static str) -> Vec<ParamSpec>
    where
        V: VisionModel<Width = X::Width> + Send + Sync + 'static,
        X: TextModel,
    {
        Qwen25Vl::<V, X>::declared(&self.0.model)
    }
}

fn write(
    folder: &Path,
    layout: &[ParamSpec],
    config: &ModelConfig,
    saving: &Saving,
    fill: impl FnOnce(&mut Writer<'_>),
) -> Result<(), CheckpointError> {
    if folder.exists() {
        return Err(CheckpointError::Exists {
            folder: folder.to_owned(),
        });
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    atomic::create_folder(parent)?;
    let staging = tempfile::Builder::new()
        .prefix(".checkpoint-")
        .tempdir_in(parent)
        .map_err(FileError::at("create a folder in", parent))?;
    let mut writer = Writer::plan(staging.path(), layout, config, saving)?;
    fill(&mut writer);
    let index = writer.finish()?;
    if let Some(index) = index {
        write_json(&staging.path().join(INDEX), &index)?;
    }
    let mut raw = config.raw.clone();
    if let Some(fields) = raw.as_object_mut() {
        // Two names of one field: an older one must not contradict the newer one.
        fields.remove("torch_dtype");
        fields.insert("dtype".to_owned(), json!(saving.precision.name()));
    }
    write_json(&staging.path().join(config::FILE), &raw)?;
    if let Some(source) = &saving.companions {
        for name in COMPANIONS {
            let path = source.join(name);
            if path.exists() {
                let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
                atomic::write(&staging.path().join(name), &bytes)?;
            }
        }
    }
    make_readable(staging.path())?;
    fs::rename(staging.keep(), folder).map_err(FileError::at("rename a checkpoint to", folder))?;
    Ok(())
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), CheckpointError> {
    Ok(atomic::write(path, format!("{value:#}\n").as_bytes())?)
}

/// Temporary folders are private by default.
#[cfg(unix)]
fn make_readable(folder: &Path) -> Result<(), CheckpointError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(FileError::at("set the mode of", folder))?;
    Ok(())
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> Result<(), CheckpointError> {
    Ok(())
}

struct Writer<'a> {
    folder: &'a Path,
    config: &'a ModelConfig,
    saving: &'a Saving,
    /// Number of tensors in each shard; shards are runs of the model's order.
    counts: Vec<usize>,
    total: u64,
    written: usize,
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
    places: BTreeMap<String, PathBuf>,
    failed: Option<CheckpointError>,
}

impl<'a> Writer<'a> {
    fn plan(
        folder: &'a Path,
        layout: &[ParamSpec],
        config: &'a ModelConfig,
        saving: &'a Saving,
    ) -> Result<Self, CheckpointError> {
        let (mut counts, mut filled, mut total) = (vec![0], 0, 0);
        for spec in layout {
            let bytes = spec.shape.iter().product::<usize>() as u64 * saving.precision.bytes();
            if bytes > saving.shard_bytes {
                return Err(CheckpointError::ShardLimit {
                    name: spec.name.clone(),
                    bytes,
                    limit: saving.shard_bytes,
                });
            }
            if filled + bytes > saving.shard_bytes {
                counts.push(0);
                filled = 0;
            }
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
            filled += bytes;
            total += bytes;
        }
        Ok(Self {
            folder,
            config,
            saving,
            counts,
            total,
            written: 0,
            tensors: Vec::new(),
            places: BTreeMap::new(),
            failed: None,
        })
    }

    fn file(&self) -> PathBuf {
        if self.counts.len() == 1 {
            PathBuf::from(SINGLE)
        } else {
            shard_name(self.written + 1, self.counts.len())
        }
    }

    fn write_shard(&mut self) -> Result<(), CheckpointError> {
        let file = self.file();
        let path = self.folder.join(&file);
        let mut views = Vec::new();
        for (name, shape, bytes) in &self.tensors {
            let view = TensorView::new(self.saving.precision.dtype(), shape.clone(), bytes)
                .map_err(|error| damaged(&path, &error))?;
            views.push((name.as_str(), view));
        }
        let kind = [("format".to_owned(), "pt".to_owned())];
        // The folder is renamed when all is written, so that no half file can be met under its name.
        safetensors::serialize_to_file(views, Some(kind.into()), &path)
            .map_err(|error| damaged(&path, &error))?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(FileError::at("flush", &path))?;
        for (name, ..) in self.tensors.drain(..) {
            self.places.insert(name, file.clone());
        }
        self.written += 1;
        Ok(())
    }

    /// The index, if there is more than one file.
    fn finish(self) -> Result<Option<serde_json::Value>, CheckpointError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        Ok((self.counts.len() > 1).then(
            || json!({ "metadata": { "total_size": self.total }, "weight_map": self.places }),
        ))
    }
}

fn damaged(path: &Path, error: &safetensors::SafeTensorError) -> CheckpointError {
    CheckpointError::Damaged {
        path: path.to_owned(),
        problem: format!("could not be written: {error}"),
    }
}

impl Writer<'_> {
    /// Takes the next parameter.
    fn push(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        if self.failed.is_some() {
            return;
        }
        let bytes = match self.saving.precision {
            Precision::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Precision::Bf16 => values
                .iter()
                .flat_map(|v| bf16::from_f32(*v).to_le_bytes())
                .collect(),
        };
        self.tensors.push((
            self.saving.layout.published(name),
            self.config.published_shape(name, shape),
            bytes,
        ));
        if self.tensors.len() == self.counts[self.written] {
            self.failed = self.write_shard().err();
        }
    }

    /// There is no such parameter.
    fn refuse(&mut self, spec: &ParamSpec) {
        let problem = TensorProblem::Missing {
            name: spec.name.clone(),
            shape: spec.shape.clone(),
        };
        self.failed.get_or_insert(CheckpointError::Tensors {
            folder: self.folder.to_owned(),
            problems: vec![problem],
        });
    }
}

impl Visitor<Cpu> for Writer<'_> {
    fn visit<S: ConstShape>(&mut self, name: &str, tensor: &Tensor<S, f32, Cpu>) {
        let shape: Vec<usize> = tensor.shape().concrete().into_iter().collect();
        self.push(name, &shape, &tensor.as_vec());
    }
}
