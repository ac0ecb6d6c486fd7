//! In: what a stage is made of. Out: its identity, and the frame in which it runs.
//!
//! A stage's identity is its content: blake3 over its kind, version, resolved parameters and the
//! identities of its inputs. Two arms that ask for the same content share one stage.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrt_train::atomic::FileError;

use crate::metrics::MetricsSink;
use crate::progress::Progress;

/// One piece of work with files as its only output.
///
/// The files must be a function of `kind`, `version`, `params` and the inputs' files alone: not of
/// the clock, the number of threads, or how often the run was interrupted.
pub trait Stage: Send + Sync {
    /// The stage's name in a spec: `grpo`. Also the first word of its cache folder.
    fn kind(&self) -> &'static str;

    /// Raised whenever the stage's code would now write other bytes for the same parameters.
    fn version(&self) -> u32;

    /// Every parameter that matters, resolved; seeds included.
    fn params(&self) -> Value;

    /// Stages whose files this one reads.
    fn inputs(&self) -> Vec<StageId>;

    /// One line for people: `GRPO without exploration, seed 1`.
    fn title(&self) -> String;

    /// How much work the stage is, in units of its own.
    fn estimate(&self) -> Cost;

    /// Does the work: reads `cx.input(..)`, writes into `cx.out()`.
    ///
    /// A long stage saves a checkpoint in `cx.work()` now and then, looks for one when it starts, and
    /// calls `cx.check()` between steps; on an interruption it saves and returns the error.
    ///
    /// # Errors
    /// [`StageError`]; nothing of a failed stage is ever used.
    fn run(&self, cx: &mut StageContext) -> Result<(), StageError>;

    /// The stage's identity.
    fn id(&self) -> StageId {
        StageId::of(self.kind(), self.version(), &self.params(), &self.inputs())
    }
}

/// The identity of a stage: a blake3 hash of its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StageId([u8; 32]);

impl StageId {
    /// The identity of a stage with this content.
    pub fn of(kind: &str, version: u32, params: &Value, inputs: &[StageId]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vrt stage identity v1");
        let mut field = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(kind.as_bytes());
        field(&version.to_le_bytes());
        let mut text = String::new();
        canonical(params, &mut text);
        field(text.as_bytes());
        for input in inputs {
            field(&input.0);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The first 16 hexadecimal digits, for people and folder names.
    pub fn short(self) -> String {
        self.to_string()[..16].to_owned()
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StageId({})", self.short())
    }
}

impl FromStr for StageId {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

impl TryFrom<String> for StageId {
    type Error = blake3::HexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StageId> for String {
    fn from(id: StageId) -> Self {
        id.to_string()
    }
}

/// Writes JSON with sorted keys and no spaces: the order of a map may not change an identity.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// How much work a stage is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The amount, in `unit`s.
    pub work: f64,
    /// What is counted: `episodes`, `traces`, `frames`, …
    pub unit: &'static str,
    /// Units a second of wall time to assume until this machine has measured its own rate.
    pub default_rate: f64,
}

/// Why a stage did not finish.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The run was asked to stop; the stage's checkpoint is kept.
    #[error("interrupted")]
    Interrupted,
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A stage asked for the files of a stage that it had not listed among its inputs.
    #[error("stage {0} is not among the declared inputs; add it to `inputs()`")]
    UndeclaredInput(StageId),
    /// An input or a checkpoint does not hold what the stage expects.
    #[error("`{}` cannot be used: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and how to mend it.
        why: String,
    },
    /// The chain leaves out a stage that this one starts from.
    #[error("`{stage}` has nothing to start from: the chain needs at least `{needs}` before it")]
    Missing {
        /// The stage.
        stage: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The stage's own error.
    #[error(transparent)]
    Failed(#[from] Box<dyn Error + Send + Sync>),
}

/// A request to stop, shared by everything that runs.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everything to stop at its next safe point.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The frame in which one stage runs.
pub struct StageContext {
    pub(crate) out: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) inputs: BTreeMap<StageId, PathBuf>,
    pub(crate) threads: usize,
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
    pub(crate) metrics: MetricsSink,
}

impl StageContext {
    /// The empty folder that becomes the stage's entry when it succeeds.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The folder for checkpoints: it survives a kill and goes away when the stage succeeds.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// The folder with the files of an input.
    ///
    /// # Errors
    /// [`StageError::UndeclaredInput`] when `inputs()` does not list it.
    pub fn input(&self, id: StageId) -> Result<&Path, StageError> {
        self.inputs
            .get(&id)
            .map(PathBuf::as_path)
            .ok_or(StageError::UndeclaredInput(id))
    }

    /// Threads the stage may use. The result may not depend on it.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The stage's progress bar.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// To be called between steps.
    ///
    /// # Errors
    /// [`StageError::Interrupted`] when the run was asked to stop: save a checkpoint and return it.
    pub fn check(&self) -> Result<(), StageError> {
        if self.cancel.requested() {
            return Err(StageError::Interrupted);
        }
        Ok(())
    }

    /// The request to stop, for threads that outlive a borrow of the context.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Where the stage's measurements go: `metrics.jsonl` in its entry.
    pub fn metrics(&mut self) -> &mut MetricsSink {
        &mut self.metrics
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_is_its_content() {
        let base = StageId::of(
            "grpo",
            1,
            &json!({"a": 1, "b": [1.5, {"y": 2, "x": 1}]}),
            &[],
        );
        let reordered: Value =
            serde_json::from_str(r#"{"b": [1.5, {"x": 1, "y": 2}], "a": 1}"#).unwrap();
        assert_eq!(base, StageId::of("grpo", 1, &reordered, &[]));
        for other in [
            StageId::of("rft", 1, &reordered, &[]),
            StageId::of("grpo", 2, &reordered, &[]),
            StageId::of("grpo", 1, &json!({"a": 2, "b": []}), &[]),
            StageId::of("grpo", 1, &reordered, &[base]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn an_identity_is_a_fixed_number() {
        let id = StageId::of("tower", 3, &json!({"steps": 900, "lr": 3e-3}), &[]);
        insta::assert_snapshot!(id);
        assert_eq!(id.to_string().parse::<StageId>().unwrap(), id);
    }
}
