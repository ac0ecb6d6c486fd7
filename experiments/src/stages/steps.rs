//! In: a learner and one step of a stage. Out: all its steps, resumed from the last checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use vrt_core::model::Tiny;
use vrt_train::atomic::{self, FileError};
use vrt_train::checkpoint::{Checkpoint, load_weights, save_weights};
use vrt_train::learn::Trainee;
use vrt_train::learner::Learner;

use crate::stage::{StageContext, StageError};

/// The weights a stage hands on, inside its entry.
pub const WEIGHTS: &str = "model.safetensors";

/// Steps between two checkpoints.
const EVERY: u64 = 25;

/// Turns any error into a stage's own.
pub fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StageError {
    StageError::Failed(Box::new(error))
}

/// Reads the weights of an input's entry.
///
/// # Errors
/// [`StageError::Failed`] names the file and what is wrong with it.
pub fn read_weights(entry: &Path) -> Result<Vec<f32>, StageError> {
    read(&entry.join(WEIGHTS))
}

/// Reads the weights that a stage kept on its way, after this many of its steps.
///
/// # Errors
/// [`StageError::Unreadable`] when it kept none there, [`StageError::Failed`] when they cannot be read.
pub fn read_kept(entry: &Path, step: u32) -> Result<Vec<f32>, StageError> {
    let path = kept(entry, u64::from(step));
    if path.exists() {
        return read(&path);
    }
    Err(StageError::Unreadable {
        path,
        why: "the stage kept no policy after this step; `eval.step` must be a multiple of `grpo.keep_every` and less than \
              `grpo.steps`"
            .to_owned(),
    })
}

fn read(path: &Path) -> Result<Vec<f32>, StageError> {
    let layout = Tiny::new(&dfdx::prelude::Cpu::default(), 0).layout();
    load_weights(path, &layout).map_err(failed)
}

/// Where the policy after `step` steps is kept inside a folder.
fn kept(folder: &Path, step: u64) -> PathBuf {
    folder.join("kept").join(format!("{step:05}.safetensors"))
}

/// Keeps policies on the way. They wait in the work folder, where a resumed stage finds them again.
#[derive(Debug)]
pub struct Keeper {
    steps: Vec<u64>,
    work: PathBuf,
}

impl Keeper {
    /// Keeps one after each of these steps.
    pub fn new(cx: &StageContext, steps: impl Iterator<Item = u32>) -> Self {
        Self {
            steps: steps.map(u64::from).collect(),
            work: cx.work().to_owned(),
        }
    }

    /// To be called with the number of steps done.
    ///
    /// # Errors
    /// [`StageError::Failed`] when the weights cannot be written.
    pub fn keep(&self, learner: &Learner, done: u64) -> Result<(), StageError> {
        if !self.steps.contains(&done) {
            return Ok(());
        }
        let path = kept(&self.work, done);
        save_weights(&path, &learner.layout(), &learner.parameters).map_err(failed)
    }

    /// Copies all of them into the stage's entry.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn finish(&self, cx: &StageContext) -> Result<(), FileError> {
        for &step in &self.steps {
            let from = kept(&self.work, step);
            let bytes = fs::read(&from).map_err(FileError::at("read", &from))?;
            atomic::write(&kept(cx.out(), step), &bytes)?;
        }
        Ok(())
    }
}

/// Writes the weights into the stage's own entry.
///
/// # Errors
/// [`StageError::Failed`].
pub fn write_weights(cx: &StageContext, learner: &Learner) -> Result<(), StageError> {
    save_weights(
        &cx.out().join(WEIGHTS),
        &learner.layout(),
        &learner.parameters,
    )
    .map_err(failed)
}

/// What a step reports: a line of metrics and a remark beside the bar.
pub struct Done<M> {
    /// Recorded as one line.
    pub metrics: M,
    /// Shown.
    pub remark: String,
}

/// Runs steps `0..steps`, going on from the newest checkpoint in the stage's work folder. `memory` is whatever
/// else the stage must remember between steps.
///
/// # Errors
/// The step's own, [`StageError::Interrupted`] (a checkpoint is saved first), or a checkpoint's.
pub fn run<T: Serialize + DeserializeOwned, M: Serialize>(
    cx: &mut StageContext,
    learner: &mut Learner,
    steps: u64,
    memory: &mut T,
    mut step: impl FnMut(&mut Learner, &mut T, u64) -> Result<Done<M>, StageError>,
) -> Result<(), StageError> {
    let folder = cx.work().join("checkpoints");
    let layout = learner.layout();
    let mut first = 0;
    if let Some(saved) =
        Checkpoint::load(&folder, &layout, learner.optimizer.config).map_err(failed)?
    {
        first = saved.step;
        *memory = serde_json::from_value(saved.extra).map_err(failed)?;
        learner
            .restore(saved.parameters, saved.optimizer)
            .map_err(failed)?;
    }
    let save = |learner: &Learner, memory: &T, step: u64| {
        Checkpoint {
            step,
            parameters: learner.parameters.clone(),
            optimizer: learner.optimizer.clone(),
            extra: serde_json::to_value(memory).map_err(failed)?,
        }
        .save(&folder, &layout)
        .map_err(failed)
    };
    cx.metrics().resume_at(first)?;
    cx.progress().start(steps, first);
    for number in first..steps {
        if let Err(interrupted) = cx.check() {
            save(learner, memory, number)?;
            return Err(interrupted);
        }
        if number > first && number % EVERY == 0 {
            save(learner, memory, number)?;
        }
        let done = step(learner, memory, number)?;
        cx.metrics().record(number, &done.metrics)?;
        cx.progress().message(done.remark);
        cx.progress().set(number + 1);
    }
    write_weights(cx, learner)
}
