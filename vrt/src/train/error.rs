//! In: whatever can stop a stage. Out: one error that says what, where and why.

use std::path::PathBuf;

use vrt_checkpoint::CheckpointError;
use vrt_core::model::lora::LoraError;
use vrt_core::policy::PolicyError;
use vrt_train::atomic::FileError;
use vrt_train::grpo::GrpoError;
use vrt_train::learn::{ActorError, LearnError};
use vrt_train::rejection::Harvest;
use vrt_train::tiny::TinyFileError;

use super::cold_start::TracesError;
use super::config::ConfigError;
use super::pairs::PairsError;
use super::script::ScriptError;
use super::stage::StageError;
use crate::checkpoint::OpenError;
use crate::server::JournalError;

/// A stage did not come to its end. What was saved is kept: the same command goes on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The pairs.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// The teacher's traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The checkpoint.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its weights.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    /// Its adapters.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// The stage's folder.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The journal of samples.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint of training.
    #[error(transparent)]
    Saved(#[from] vrt_train::checkpoint::CheckpointError),
    /// What a checkpoint remembers besides the parameters.
    #[error("`{}`: {problem}; remove it to begin the stage anew", folder.display())]
    Memory {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An episode cannot be learned.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A pair could not be sampled.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A file with a tiny policy: the one that is trained, or a stage's result.
    #[error(transparent)]
    Tiny(#[from] TinyFileError),
    /// A file that is to be written is there already.
    #[error("`{}` exists already; name another --out", .0.display())]
    Exists(PathBuf),
    /// The parameters do not make a policy.
    #[error("{0}")]
    Actor(ActorError),
    /// A step.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// A step of GRPO.
    #[error(transparent)]
    Grpo(#[from] GrpoError),
    /// Rejection sampling kept nothing.
    #[error(
        "none of {} samples of {} pairs is in format and right in everything: there is nothing to learn from; start from a \
         policy that was taught the format (cold start), or sample more", .0.samples, .0.pairs
    )]
    NoneRight(Harvest),
}
