//! In: the folder of a run. Out: its stages: what each was asked for, where it stands, and the adapters that it ended with.
//!
//! ```text
//! OUT/cold_start/run.json              the settings: a run under others is refused
//! OUT/cold_start/checkpoints/step-N/   to go on from
//! OUT/cold_start/metrics.jsonl         a line a step
//! OUT/cold_start/adapters.safetensors  the result; while it is there, the stage is done
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrt_core::model::lora::{Lora, LoraConfig};
use vrt_train::atomic::{self, FileError};
use vrt_train::checkpoint::{CheckpointError, load_weights, save_weights};

/// Version of `run.json`.
const FORMAT: u32 = 1;

/// The paper's three stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Imitation of a teacher.
    ColdStart,
    /// Imitation of its own right episodes.
    Rft,
    /// Reinforcement.
    Grpo,
}

impl StageName {
    /// Its table in the file, and its folder.
    pub fn key(self) -> &'static str {
        match self {
            Self::ColdStart => "cold_start",
            Self::Rft => "rft",
            Self::Grpo => "grpo",
        }
    }

    /// The command that runs it.
    pub fn command(self) -> &'static str {
        match self {
            Self::ColdStart => "cold-start",
            Self::Rft => "rft",
            Self::Grpo => "grpo",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())
    }
}

/// What decides a stage's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    format: u32,
    /// The stage.
    pub stage: StageName,
    /// The base: names, sizes and configuration of its files.
    pub checkpoint: String,
    /// The adapters.
    pub adapters: LoraConfig,
    /// blake3 of the adapters that it starts from; none where these are fresh.
    pub start: Option<String>,
    /// Everything else.
    pub rest: Value,
}

/// A stage cannot be begun, or its files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Adapters or a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The settings are not those of this program.
    #[error("{}: {problem}; remove the folder to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another run.
    #[error(
        "`{}` was begun with other settings ({}); name another `out`, or remove the folder", folder.display(), differ.join(", ")
    )]
    Other {
        /// The stage's folder.
        folder: PathBuf,
        /// What differs.
        differ: Vec<String>,
    },
    /// A stage that is to be gone on from has no result.
    #[error("`{}` has no result of {stage}; run `vrt train {stage}` first, or say `start = \"checkpoint\"`", folder.display())]
    NotRun {
        /// Where it should be.
        folder: PathBuf,
        /// The stage.
        stage: StageName,
    },
    /// The result is of another base, or other adapters.
    #[error("`{}` holds adapters of another {what}; train all stages with one `checkpoint` and one `adapters`", folder.display())]
    OtherBase {
        /// The stage's folder.
        folder: PathBuf,
        /// What differs.
        what: &'static str,
    },
}

/// The folder of one stage.
#[derive(Clone, Debug)]
pub struct StageFolder {
    path: PathBuf,
    stage: StageName,
}

impl StageFolder {
    /// Where a stage of a run is.
    pub fn new(out: &Path, stage: StageName) -> Self {
        Self {
            path: out.join(stage.key()),
            stage,
        }
    }

    /// A file or folder inside.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn result(&self) -> PathBuf {
        self.join("adapters.safetensors")
    }

    fn settings(&self) -> PathBuf {
        self.join("run.json")
    }

    /// Whether the stage has ended.
    pub fn is_done(&self) -> bool {
        self.result().exists()
    }

    /// Begins the stage, or goes on with one of the same settings; whether anything is left to do.
    ///
    /// # Errors
    /// [`StageError`]; one that was begun with other settings is left alone.
    pub fn begin(&self, settings: &Settings) -> Result<bool, StageError> {
        if let Some(found) = self.read()? {
            let differ = differences(&found, settings);
            if !differ.is_empty() {
                return Err(StageError::Other {
                    folder: self.path.clone(),
                    differ,
                });
            }
            return Ok(!self.is_done());
        }
        let text = serde_json::to_vec_pretty(settings).expect("settings are plain data");
        atomic::write(&self.settings(), &text)?;
        Ok(true)
    }

    fn read(&self) -> Result<Option<Settings>, StageError> {
        let path = self.settings();
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(FileError::at("read", &path))?;
        let read = serde_json::from_slice::<Settings>(&text).map_err(|error| error.to_string());
        let known = read.and_then(|read| match read.format {
            FORMAT => Ok(read),
            other => Err(format!("format {other}, this program writes {FORMAT}")),
        });
        let problem = |problem| StageError::Damaged { path, problem };
        known.map(Some).map_err(problem)
    }

    /// Writes the result.
    ///
    /// # Errors
    /// [`StageError::Checkpoint`].
    pub fn finish(&self, lora: &Lora) -> Result<(), StageError> {
        Ok(save_weights(
            &self.result(),
            &lora.layout(),
            lora.parameters(),
        )?)
    }

    /// Puts the stage's result into adapters over the same base.
    ///
    /// # Errors
    /// [`StageError`] if there is none, or it is of another base.
    pub fn load(&self, lora: &mut Lora, checkpoint: &str) -> Result<(), StageError> {
        let Some(settings) = self.read()?.filter(|_| self.is_done()) else {
            return Err(StageError::NotRun {
                folder: self.path.clone(),
                stage: self.stage,
            });
        };
        let other = |what| StageError::OtherBase {
            folder: self.path.clone(),
            what,
        };
        if settings.checkpoint != checkpoint {
            return Err(other("checkpoint"));
        }
        if settings.adapters != lora.config() {
            return Err(other("rank or alpha"));
        }
        let parameters = load_weights(&self.result(), &lora.layout())?;
        // As many as the layout has.
        lora.load_flat(&parameters)
            .map_err(|_| other("rank or alpha"))
    }
}

impl Settings {
    /// The settings of a stage.
    pub fn new(
        stage: StageName,
        checkpoint: String,
        lora: &Lora,
        fresh: bool,
        rest: Value,
    ) -> Self {
        let digest = || {
            let mut hasher = blake3::Hasher::new();
            for value in lora.parameters() {
                hasher.update(&value.to_le_bytes());
            }
            hasher.finalize().to_hex().to_string()
        };
        Self {
            format: FORMAT,
            stage,
            checkpoint,
            adapters: lora.config(),
            start: (!fresh).then(digest),
            rest,
        }
    }
}

/// The names of what differs.
fn differences(found: &Settings, wanted: &Settings) -> Vec<String> {
    let mut differ = Vec::new();
    let mut note = |name: &str, same: bool| {
        if !same {
            differ.push(name.to_owned());
        }
    };
    note("stage", found.stage == wanted.stage);
    note("checkpoint", found.checkpoint == wanted.checkpoint);
    note("adapters", found.adapters == wanted.adapters);
    note("start", found.start == wanted.start);
    let none = serde_json::Map::new();
    let map = |settings: &'_ Settings| settings.rest.as_object().cloned();
    let (old, new) = (map(found).unwrap_or_default(), map(wanted).unwrap_or(none));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        note(name, old.get(name) == new.get(name));
    }
    differ
}
