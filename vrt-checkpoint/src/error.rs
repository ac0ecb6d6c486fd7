//! What can be wrong with a checkpoint's folder, and how to mend it.

use std::fmt;
use std::path::PathBuf;

use safetensors::Dtype;
use vrt_core::model::weights::WeightsError;
use vrt_train::atomic::FileError;

/// A checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no JSON, or a field of it has another type.
    #[error("{}: {problem}; fetch the file again", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where in it, and what.
        problem: String,
    },
    /// The configuration asks for something that this model does not do.
    #[error("{}: {problem}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Which field, what it says, and what would fit.
        problem: String,
    },
    /// No typed model has the sizes of the configuration.
    #[error(
        "no alias has the sizes of this checkpoint: {found}; add `{declaration}` to vrt-core/src/model/dims.rs \
         and its name to the list in vrt-checkpoint/src/alias.rs (there are {known})"
    )]
    NoAlias {
        /// The sizes found, by the names of `config.json`.
        found: String,
        /// The type that would have them.
        declaration: String,
        /// The aliases there are.
        known: String,
    },
    /// The sizes of the configuration are not those of the type that was asked for.
    #[error(
        "the checkpoint's sizes are not those of `{asked}`: {found}; `with_model` picks the type"
    )]
    OtherSizes {
        /// The type.
        asked: &'static str,
        /// The sizes found.
        found: String,
    },
    /// There are no weights.
    #[error(
        "{}: neither `model.safetensors` nor `model.safetensors.index.json`; give the folder that was downloaded",
        folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of weights contradicts itself.
    #[error("{}: damaged: {problem}; fetch the file again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How.
        problem: String,
    },
    /// The index names a file that is none of the folder's.
    #[error(
        "{}: `{shard}` is not a plain file name; an index names files of its own folder, fetch it again",
        path.display()
    )]
    ShardPath {
        /// The index.
        path: PathBuf,
        /// What it names.
        shard: String,
    },
    /// Tensors are missing, in excess, misshaped or of an unknown type; all of them are listed.
    #[error("{}: {}: {}", folder.display(), number(problems), list(problems))]
    Tensors {
        /// The checkpoint.
        folder: PathBuf,
        /// One entry a tensor, in the model's order, then what the files hold beyond it.
        problems: Vec<TensorProblem>,
    },
    /// The decoder's weights cannot be laid out.
    #[error(transparent)]
    Decoder(#[from] WeightsError),
    /// The place to write to is taken.
    #[error("{}: exists already; choose a folder that does not", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The limit on a shard is too small for a tensor.
    #[error("`{name}` has {bytes} bytes, a shard may have {limit}; raise the limit")]
    ShardLimit {
        /// The largest tensor.
        name: String,
        /// Its size.
        bytes: u64,
        /// The limit that was asked for.
        limit: u64,
    },
}

/// What is wrong with one tensor, under its name in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorProblem {
    /// The model has it, the files have not.
    Missing {
        /// Its name.
        name: String,
        /// The shape it should have.
        shape: Vec<usize>,
    },
    /// The files have it, the model has not.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// It has another shape.
    Misshaped {
        /// Its name.
        name: String,
        /// The shape in the files.
        found: Vec<usize>,
        /// The shape of the model.
        expected: Vec<usize>,
    },
    /// Its numbers are of a type that is not read.
    Type {
        /// Its name.
        name: String,
        /// The type in the files.
        found: Dtype,
    },
    /// The index places it in a shard that does not hold it.
    NotInShard {
        /// Its name.
        name: String,
        /// The shard.
        shard: String,
    },
    /// Two shards hold it.
    Twice {
        /// Its name.
        name: String,
        /// Both shards.
        shards: [String; 2],
    },
}

impl TensorProblem {
    /// The name of a tensor that two shards hold.
    pub(crate) fn twice(&self) -> Option<String> {
        match self {
            Self::Twice { name, .. } => Some(name.clone()),
            _ => None,
        }
    }
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, shape } => write!(f, "`{name}` {shape:?} is missing"),
            Self::Extra { name, shape } => write!(f, "`{name}` {shape:?} is none of the model's"),
            Self::Misshaped {
                name,
                found,
                expected,
            } => write!(f, "`{name}` is {found:?}, the model has {expected:?}"),
            Self::Type { name, found } => {
                write!(f, "`{name}` is {found:?}, only BF16, F16 and F32 are read")
            }
            Self::NotInShard { name, shard } => {
                write!(f, "`{name}` is not in `{shard}`, where the index places it")
            }
            Self::Twice { name, shards } => {
                write!(f, "`{name}` is in both `{}` and `{}`", shards[0], shards[1])
            }
        }
    }
}

fn number(problems: &[TensorProblem]) -> String {
    match problems.len() {
        1 => "a tensor does not fit the model".to_owned(),
        number => format!("{number} tensors do not fit the model"),
    }
}

fn list(problems: &[TensorProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
