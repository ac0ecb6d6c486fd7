//! In: weights of a tiny policy and what they were trained with. Out: one file that says all of it, and the policy read back.
//!
//! The file is safetensors: the published parameter names, and under [`KEY`] of its metadata a [`Header`] as JSON. Nothing
//! that the file says of itself is believed before it is checked, and no memory is asked for by a number in it.

mod header;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use dfdx::prelude::Cpu;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError};
use serde::Deserialize;
use vrt_core::model::{ParamSpec, Tiny};
use vrt_core::op::Offered;
use vrt_core::pair::Pool;
use vrt_core::policy::{FrameBank, Sampling, TinyError, TinyPolicy};
use vrt_core::tokenizer::Vocabulary;

pub use header::{FORMAT, Header, Language, Provenance, Sizes, Training, WorldRecord};

use crate::atomic::{self, FileError};
use crate::checkpoint::{named, to_safetensors};

/// The header's place in the metadata.
pub const KEY: &str = "vrt-tiny-policy";

/// Bytes that a file may have: ten times what the model needs.
const MOST_BYTES: u64 = 40 * Tiny::PARAMETERS as u64;

/// A file holds no policy that can be asked.
#[derive(Debug, thiserror::Error)]
pub enum TinyFileError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something else than an exported policy.
    #[error(
        "`{}` is no tiny policy: {problem}; `cargo run -p experiments -- export --help` tells how one is written", path.display()
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it is instead.
        problem: String,
    },
    /// A header of another version.
    #[error(
        "`{}` has a header of format {found}, this program reads {FORMAT}; export the policy again with this program", path.display()
    )]
    Format {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A header that contradicts itself or this program.
    #[error("`{}`: its header cannot be used: {problem}", path.display())]
    Header {
        /// Which file.
        path: PathBuf,
        /// The first fault.
        problem: String,
    },
    /// Weights that are cut off, missing, or no numbers.
    #[error("`{}`: damaged: {problem}; export the policy again", path.display())]
    Weights {
        /// Which file.
        path: PathBuf,
        /// The first fault.
        problem: String,
    },
}

/// A pair that the policy cannot be asked about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unspeakable {
    /// A caption of words that it never learned.
    #[error(
        "the tiny policy has no word for {}: it knows only the words of its synthetic world, whose captions read `{example}`",
        .words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    )]
    Words {
        /// Each once, in the caption's order.
        words: Vec<String>,
        /// A caption that it knows.
        example: String,
    },
    /// A video with frames that it has no names for.
    #[error(
        "video {video} has {frames} frames, the tiny policy has names for {longest}; shorten the video"
    )]
    Long {
        /// 1 or 2.
        video: usize,
        /// Frames.
        frames: u32,
        /// Frames that it can name.
        longest: u32,
    },
}

/// A trained tiny policy.
#[derive(Debug)]
pub struct TrainedTiny {
    header: Header,
    blake3: String,
    model: Tiny,
    vocabulary: Vocabulary,
    offered: Offered,
}

/// Writes a policy: its header and flat weights.
///
/// # Errors
/// [`TinyFileError::Header`] or [`TinyFileError::Weights`] if it could not be read back, [`TinyFileError::File`].
pub fn write(path: &Path, header: &Header, flat: &[f32]) -> Result<(), TinyFileError> {
    let unusable = |problem: String| TinyFileError::Header {
        path: path.to_owned(),
        problem,
    };
    header.check().map_err(unusable)?;
    let layout = layout();
    check_numbers(layout, flat).map_err(|problem| TinyFileError::Weights {
        path: path.to_owned(),
        problem,
    })?;
    let text = serde_json::to_string(header).map_err(|error| unusable(error.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let bytes = to_safetensors(&named(layout, flat, ""), Some(metadata));
    Ok(atomic::write(path, &bytes)?)
}

impl TrainedTiny {
    /// Reads a policy that [`write()`] wrote.
    ///
    /// # Errors
    /// [`TinyFileError`] says what the file is instead, or what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, TinyFileError> {
        let bytes = bounded(path)?;
        Self::parse(path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TinyFileError> {
        let path = || path.to_owned();
        let foreign = |problem: String| TinyFileError::Foreign {
            path: path(),
            problem,
        };
        let damaged = |problem: String| TinyFileError::Weights {
            path: path(),
            problem,
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| match error {
            SafeTensorError::MetadataIncompleteBuffer => {
                damaged("its length is not what its own table of tensors says".to_owned())
            }
            error => foreign(format!("it cannot be read as safetensors ({error})")),
        })?;
        let text = metadata.metadata().as_ref().and_then(|all| all.get(KEY));
        let text = text.ok_or_else(|| {
            foreign(format!(
                "its metadata has no `{KEY}`, so nothing says what its weights read and write"
            ))
        })?;
        let unusable = |problem: String| TinyFileError::Header {
            path: path(),
            problem,
        };
        let version: Version =
            serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        if version.format != u64::from(FORMAT) {
            return Err(TinyFileError::Format {
                path: path(),
                found: version.format,
            });
        }
        let header: Header =
            serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        let (vocabulary, offered) = header.check().map_err(unusable)?;
        let tensors =
            SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let layout = layout();
        let flat = flat(&tensors, layout).map_err(damaged)?;
        check_numbers(layout, &flat).map_err(damaged)?;
        let mut model = Tiny::new(&Cpu::default(), 0);
        model
            .load_flat(&flat)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self {
            header,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            model,
            vocabulary,
            offered,
        })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// blake3 of the file.
    pub fn blake3(&self) -> &str {
        &self.blake3
    }

    /// The operations that it is offered.
    pub fn offered(&self) -> Offered {
        self.offered
    }

    /// Its weights.
    pub fn model(&self) -> &Tiny {
        &self.model
    }

    /// The words it reads and writes.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The policy. What it has looked at is kept in `bank`, by the key of the pair: one bank for one way of showing pairs.
    ///
    /// # Errors
    /// [`TinyError`] never in fact: the model and the vocabulary were checked when they were read.
    pub fn policy<'a>(
        &'a self,
        bank: &'a FrameBank,
        sampling: Sampling,
    ) -> Result<TinyPolicy<'a>, TinyError> {
        TinyPolicy::new(&self.model, &self.vocabulary, bank, sampling)
    }

    /// Whether it can be asked about a pair of this caption and these numbers of frames.
    ///
    /// # Errors
    /// [`Unspeakable`] names everything in it that there is no word for.
    pub fn speaks_of(&self, caption: &str, pool: Pool) -> Result<(), Unspeakable> {
        let unknown = self.vocabulary.unknown(caption);
        if !unknown.is_empty() {
            return Err(Unspeakable::Words {
                words: unknown.into_iter().map(str::to_owned).collect(),
                example: self.header.world.caption.clone(),
            });
        }
        let longest = self.header.language.longest_video;
        for (number, side) in (1..).zip(vrt_core::pair::Side::BOTH) {
            let frames = pool.len(side);
            if frames > longest {
                return Err(Unspeakable::Long {
                    video: number,
                    frames,
                    longest,
                });
            }
        }
        Ok(())
    }
}

/// The header as far as every version has it.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

fn layout() -> &'static [ParamSpec] {
    static LAYOUT: LazyLock<Vec<ParamSpec>> =
        LazyLock::new(|| Tiny::new(&Cpu::default(), 0).layout());
    &LAYOUT
}

/// The bytes of a file that is not too large for a policy.
fn bounded(path: &Path) -> Result<Vec<u8>, TinyFileError> {
    let foreign = |problem: String| TinyFileError::Foreign {
        path: path.to_owned(),
        problem,
    };
    let kind = fs::metadata(path).map_err(FileError::at("read", path))?;
    if kind.is_dir() {
        return Err(foreign("it is a folder; name the file in it".to_owned()));
    }
    if !kind.is_file() {
        return Err(foreign("it is no regular file".to_owned()));
    }
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let mut bytes = Vec::new();
    // The length is asked of what is read: a file may grow.
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(FileError::at("read", path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(foreign(format!(
            "it has more than {MOST_BYTES} bytes, the model {}",
            4 * Tiny::PARAMETERS
        )));
    }
    Ok(bytes)
}

/// The weights, if they are exactly the model's.
fn flat(tensors: &SafeTensors<'_>, layout: &[ParamSpec]) -> Result<Vec<f32>, String> {
    let mut flat = Vec::with_capacity(Tiny::PARAMETERS);
    for spec in layout {
        let name = &spec.name;
        let view = tensors
            .tensor(name)
            .map_err(|_| format!("tensor `{name}` is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != spec.shape {
            return Err(format!(
                "tensor `{name}` is {:?} {:?}, the model has F32 {:?}",
                view.dtype(),
                view.shape(),
                spec.shape
            ));
        }
        let numbers = view.data().chunks_exact(4);
        flat.extend(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    }
    let spare = |name: &&str| layout.iter().all(|spec| spec.name != **name);
    match tensors.names().into_iter().filter(spare).min() {
        Some(name) => Err(format!("the model has no tensor `{name}`")),
        None => Ok(flat),
    }
}

fn check_numbers(layout: &[ParamSpec], flat: &[f32]) -> Result<(), String> {
    if flat.len() != Tiny::PARAMETERS {
        let found = flat.len();
        return Err(format!(
            "{found} numbers, the model has {}",
            Tiny::PARAMETERS
        ));
    }
    let Some(place) = flat.iter().position(|number| !number.is_finite()) else {
        return Ok(());
    };
    let of = layout.iter().rfind(|spec| spec.offset <= place);
    let name = of.map_or("", |spec| spec.name.as_str());
    Err(format!("tensor `{name}` holds {}", flat[place]))
}

#[cfg(test)]
mod tests;
