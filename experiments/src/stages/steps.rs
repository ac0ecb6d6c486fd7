//! In: a learner and one step of a stage. Out: all its steps, resumed from the last checkpoint.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vrt_core::model::Tiny;
use vrt_train::checkpoint::{Checkpoint, load_weights, save_weights};
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
    let layout = Tiny::new(&dfdx::prelude::Cpu::default(), 0).layout();
    load_weights(&entry.join(WEIGHTS), &layout).map_err(failed)
}

/// Writes the weights into the stage's own entry.
///
/// # Errors
/// [`StageError::Failed`].
pub fn write_weights(cx: &StageContext, learner: &Learner) -> Result<(), StageError> {
    save_weights(
        &cx.out().join(WEIGHTS),
        learner.layout(),
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
    let layout = learner.layout().to_vec();
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
