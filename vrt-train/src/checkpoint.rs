//! In: parameters, optimiser state, step. Out: a folder that reads back to the same bytes, or an error.
//!
//! A checkpoint is a folder of `model.safetensors` (published parameter names), `optimizer.safetensors` and
//! `manifest.json` (format, step, the blake3 hash of each file). It is written beside its place and renamed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use vrt_core::model::ParamSpec;

use crate::atomic::{self, FileError};
use crate::optim::{AdamW, AdamWConfig};

const FORMAT: u32 = 1;
const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const MANIFEST: &str = "manifest.json";
/// What the name of a folder begins with while it is written.
const STAGING: &str = ".step-";

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what the manifest says.
    #[error("{path}: damaged: {problem}; delete the folder to train from the stage's beginning")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// The checkpoint is of another model.
    #[error("{path}: not a checkpoint of this model: {problem}")]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// The first difference.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    step: u64,
    optimizer_step: u64,
    extra: serde_json::Value,
    files: BTreeMap<String, String>,
}

/// Serialises flat parameters under their names.
pub(crate) fn named(
    layout: &[ParamSpec],
    flat: &[f32],
    prefix: &str,
) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    layout
        .iter()
        .map(|spec| {
            let len: usize = spec.shape.iter().product();
            let values = &flat[spec.offset..spec.offset + len];
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (format!("{prefix}{}", spec.name), spec.shape.clone(), bytes)
        })
        .collect()
}

/// A safetensors file; one key of metadata at most keeps its bytes the same from run to run.
pub(crate) fn to_safetensors(
    tensors: &[(String, Vec<usize>, Vec<u8>)],
    metadata: Option<HashMap<String, String>>,
) -> Vec<u8> {
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view =
            TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the bytes are of this shape");
        (name.as_str(), view)
    });
    safetensors::serialize(views, metadata).expect("the names differ")
}

fn from_safetensors(
    path: &Path,
    bytes: &[u8],
    layout: &[ParamSpec],
    prefix: &str,
    flat: &mut [f32],
) -> Result<(), CheckpointError> {
    let damaged = |problem: String| CheckpointError::Damaged {
        path: path.to_owned(),
        problem,
    };
    let mismatch = |problem: String| CheckpointError::Mismatch {
        path: path.to_owned(),
        problem,
    };
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    for spec in layout {
        let name = format!("{prefix}{}", spec.name);
        let view = file
            .tensor(&name)
            .map_err(|_| mismatch(format!("`{name}` is missing")))?;
        if view.dtype() != Dtype::F32 || view.shape() != spec.shape {
            return Err(mismatch(format!(
                "`{name}` is {:?} {:?}, the model has F32 {:?}",
                view.dtype(),
                view.shape(),
                spec.shape
            )));
        }
        let target = &mut flat[spec.offset..spec.offset + view.data().len() / 4];
        for (value, bytes) in target.iter_mut().zip(view.data().chunks_exact(4)) {
            *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
    }
    Ok(())
}

/// Writes flat parameters as safetensors with the published names.
///
/// # Errors
/// [`CheckpointError::File`].
pub fn save_weights(
    path: &Path,
    layout: &[ParamSpec],
    flat: &[f32],
) -> Result<(), CheckpointError> {
    Ok(atomic::write(
        path,
        &to_safetensors(&named(layout, flat, ""), None),
    )?)
}

/// Reads what [`save_weights`] wrote.
///
/// # Errors
/// [`CheckpointError`]: unreadable, damaged, or of another model.
pub fn load_weights(path: &Path, layout: &[ParamSpec]) -> Result<Vec<f32>, CheckpointError> {
    let bytes = fs::read(path).map_err(FileError::at("read", path))?;
    let mut flat = vec![0.0; total(layout)];
    from_safetensors(path, &bytes, layout, "", &mut flat)?;
    Ok(flat)
}

fn total(layout: &[ParamSpec]) -> usize {
    layout
        .iter()
        .map(|spec| spec.shape.iter().product::<usize>())
        .sum()
}

/// Training state in the middle of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Steps of the stage done.
    pub step: u64,
    /// Flat parameters.
    pub parameters: Vec<f32>,
    /// The optimiser, its state included.
    pub optimizer: AdamW,
    /// Whatever else the stage needs to go on: its ledger, its cursor.
    pub extra: serde_json::Value,
}

impl Checkpoint {
    /// Writes the checkpoint into `folder/step-N`, then removes older ones.
    ///
    /// # Errors
    /// [`CheckpointError::File`].
    pub fn save(&self, folder: &Path, layout: &[ParamSpec]) -> Result<(), CheckpointError> {
        atomic::create_folder(folder)?;
        let staging = tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(folder)
            .map_err(FileError::at("create a folder in", folder))?;
        let model = to_safetensors(&named(layout, &self.parameters, ""), None);
        let mut moments = named(layout, &self.optimizer.first, "first.");
        moments.extend(named(layout, &self.optimizer.second, "second."));
        let optimizer = to_safetensors(&moments, None);
        let mut files = BTreeMap::new();
        for (name, bytes) in [(MODEL, &model), (OPTIMIZER, &optimizer)] {
            let path = staging.path().join(name);
            atomic::write(&path, bytes)?;
            files.insert(name.to_owned(), blake3::hash(bytes).to_hex().to_string());
        }
        let manifest = Manifest {
            format: FORMAT,
            step: self.step,
            optimizer_step: self.optimizer.step,
            extra: self.extra.clone(),
            files,
        };
        let path = staging.path().join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).expect("a manifest serialises");
        atomic::write(&path, &text)?;
        let place = folder.join(format!("step-{:09}", self.step));
        if place.exists() {
            fs::remove_dir_all(&place).map_err(FileError::at("replace", &place))?;
        }
        fs::rename(staging.keep(), &place)
            .map_err(FileError::at("rename a checkpoint to", &place))?;
        // A killed run leaves what it was about to write.
        let left = entries(folder, STAGING)?.into_iter();
        let older = steps(folder)?.into_iter().filter(|older| *older != place);
        for older in left.chain(older) {
            fs::remove_dir_all(&older)
                .map_err(FileError::at("remove the older checkpoint", &older))?;
        }
        Ok(())
    }

    /// The newest checkpoint in `folder`, or `None` if there is none.
    ///
    /// # Errors
    /// [`CheckpointError`] if the newest one is damaged or of another model: it is never silently passed over.
    pub fn load(
        folder: &Path,
        layout: &[ParamSpec],
        config: AdamWConfig,
    ) -> Result<Option<Self>, CheckpointError> {
        if !folder.exists() {
            return Ok(None);
        }
        let Some(place) = steps(folder)?.pop() else {
            return Ok(None);
        };
        let path = place.join(MANIFEST);
        let text = fs::read(&path).map_err(FileError::at("read", &path))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| CheckpointError::Damaged {
                path: path.clone(),
                problem: error.to_string(),
            })?;
        if manifest.format != FORMAT {
            let problem = format!("format {}, this program writes {FORMAT}", manifest.format);
            return Err(CheckpointError::Mismatch { path, problem });
        }
        let read = |name: &str| -> Result<(PathBuf, Vec<u8>), CheckpointError> {
            let path = place.join(name);
            let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
            let hash = blake3::hash(&bytes).to_hex().to_string();
            if manifest.files.get(name) != Some(&hash) {
                let problem = "its hash is not the manifest's".to_owned();
                return Err(CheckpointError::Damaged { path, problem });
            }
            Ok((path, bytes))
        };
        let mut parameters = vec![0.0; total(layout)];
        let mut optimizer = AdamW::new(config, parameters.len());
        let (path, bytes) = read(MODEL)?;
        from_safetensors(&path, &bytes, layout, "", &mut parameters)?;
        let (path, bytes) = read(OPTIMIZER)?;
        from_safetensors(&path, &bytes, layout, "first.", &mut optimizer.first)?;
        from_safetensors(&path, &bytes, layout, "second.", &mut optimizer.second)?;
        optimizer.step = manifest.optimizer_step;
        Ok(Some(Self {
            step: manifest.step,
            parameters,
            optimizer,
            extra: manifest.extra,
        }))
    }
}

/// Finished checkpoints, oldest first.
fn steps(folder: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    entries(folder, "step-")
}

/// What stands in a folder under names that begin so, by name.
fn entries(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, CheckpointError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::at("list", folder))? {
        let entry = entry.map_err(FileError::at("list", folder))?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Vec<ParamSpec> {
        vec![
            ParamSpec {
                name: "a".to_owned(),
                shape: vec![2, 2],
                offset: 0,
            },
            ParamSpec {
                name: "b".to_owned(),
                shape: vec![3],
                offset: 4,
            },
        ]
    }

    fn checkpoint(step: u64) -> Checkpoint {
        let mut optimizer = AdamW::new(AdamWConfig::default(), 7);
        optimizer.step = step;
        optimizer.first = (0..7).map(|i| i as f32 * 0.1).collect();
        optimizer.second = (0..7).map(|i| i as f32 * 0.01).collect();
        Checkpoint {
            step,
            parameters: vec![1.0, -0.0, 3.5, f32::MIN_POSITIVE, 5.0, 6.0, 7.0],
            optimizer,
            extra: serde_json::json!({ "prompts": 3 * step }),
        }
    }

    #[test]
    fn the_newest_checkpoint_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Checkpoint::load(folder.path(), &layout(), AdamWConfig::default())
                .unwrap()
                .is_none()
        );
        // What a run that was killed while it wrote has left.
        let left = folder.path().join(".step-4XzAbC");
        atomic::write(&left.join(MODEL), b"half").unwrap();
        for step in [1, 2, 10] {
            checkpoint(step).save(folder.path(), &layout()).unwrap();
        }
        assert!(!left.exists());
        let read = Checkpoint::load(folder.path(), &layout(), AdamWConfig::default())
            .unwrap()
            .unwrap();
        assert_eq!(read, checkpoint(10));
        assert_eq!(steps(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_changed_byte_and_another_model_are_named() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).save(folder.path(), &layout()).unwrap();
        let mut other = layout();
        other[1].shape = vec![1, 3];
        let error = Checkpoint::load(folder.path(), &other, AdamWConfig::default()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`b` is F32 [3], the model has F32 [1, 3]"),
            "{error}"
        );
        let path = folder.path().join("step-000000003").join(OPTIMIZER);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        atomic::write(&path, &bytes).unwrap();
        let error = Checkpoint::load(folder.path(), &layout(), AdamWConfig::default()).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Damaged { path: named, .. } if *named == path),
            "{error}"
        );
    }
}
