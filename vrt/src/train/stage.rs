//! In: the folder of a run. Out: its stages: what each was asked for, where it stands, and what it ended with.
//!
//! ```text
//! OUT/cold_start/run.json              the settings: a run under others is refused
//! OUT/cold_start/checkpoints/step-N/   to go on from
//! OUT/cold_start/metrics.jsonl         a line a step
//! OUT/cold_start/RESULT                adapters.safetensors or policy.safetensors; while it is there, the stage is done
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vrt_train::atomic::{self, FileError};

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
    /// What tells the model from others.
    #[serde(flatten)]
    pub base: Map<String, Value>,
    /// blake3 of the parameters that it starts from; none where these are the model's own.
    pub start: Option<String>,
    /// Everything else.
    pub rest: Map<String, Value>,
}

/// A stage cannot be begun, or its files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
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
    #[error("`{}` has no result of {stage}; run `vrt train {stage}` first, or start from the model itself: `start = \"checkpoint\"`, or `\"tiny\"`", folder.display())]
    NotRun {
        /// Where it should be.
        folder: PathBuf,
        /// The stage.
        stage: StageName,
    },
    /// The result is of another model.
    #[error("`{}` belongs to another model (other {}); train all stages with the same", folder.display(), differ.join(", "))]
    OtherBase {
        /// The stage's folder.
        folder: PathBuf,
        /// What differs.
        differ: Vec<String>,
    },
}

/// The folder of one stage.
#[derive(Clone, Debug)]
pub struct StageFolder {
    path: PathBuf,
    stage: StageName,
    result: &'static str,
}

impl StageFolder {
    /// Where a stage of a run is; `result` is the name of the file that it ends with.
    pub fn new(out: &Path, stage: StageName, result: &'static str) -> Self {
        Self {
            path: out.join(stage.key()),
            stage,
            result,
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

    /// What it ends with.
    pub fn result(&self) -> PathBuf {
        self.join(self.result)
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

    /// The result of a stage of the same model.
    ///
    /// # Errors
    /// [`StageError`] if there is none, or it is of another one.
    pub fn result_of(&self, base: &Map<String, Value>) -> Result<PathBuf, StageError> {
        let Some(settings) = self.read()?.filter(|_| self.is_done()) else {
            return Err(StageError::NotRun {
                folder: self.path.clone(),
                stage: self.stage,
            });
        };
        let mut differ = Vec::new();
        compare(&settings.base, base, &mut differ);
        match differ.is_empty() {
            true => Ok(self.result()),
            false => Err(StageError::OtherBase {
                folder: self.path.clone(),
                differ,
            }),
        }
    }
}

impl Settings {
    /// The settings of a stage that starts from these parameters of a model; `fresh` if they are the model's own.
    pub fn new(
        stage: StageName,
        base: Map<String, Value>,
        parameters: &[f32],
        fresh: bool,
        rest: Map<String, Value>,
    ) -> Self {
        let digest = || {
            let mut hasher = blake3::Hasher::new();
            for value in parameters {
                hasher.update(&value.to_le_bytes());
            }
            hasher.finalize().to_hex().to_string()
        };
        Self {
            format: FORMAT,
            stage,
            base,
            start: (!fresh).then(digest),
            rest,
        }
    }

    /// Its fields by their names.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// blake3 of all of them.
    pub fn digest(&self) -> String {
        let text = Value::Object(self.fields()).to_string();
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

/// The names of what differs.
fn differences(found: &Settings, wanted: &Settings) -> Vec<String> {
    let mut differ = Vec::new();
    if found.stage != wanted.stage {
        differ.push("stage".to_owned());
    }
    compare(&found.base, &wanted.base, &mut differ);
    if found.start != wanted.start {
        differ.push("start".to_owned());
    }
    compare(&found.rest, &wanted.rest, &mut differ);
    differ
}

fn compare(found: &Map<String, Value>, wanted: &Map<String, Value>, differ: &mut Vec<String>) {
    let names: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let others = names
        .into_iter()
        .filter(|name| found.get(*name) != wanted.get(*name));
    differ.extend(others.cloned());
}
