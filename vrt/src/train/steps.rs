//! In: a learner and one step of a stage. Out: all its steps, resumed from the last checkpoint.

use serde::Serialize;
use serde::de::DeserializeOwned;
use vrt_train::checkpoint::Checkpoint;
use vrt_train::learn::Trainee;
use vrt_train::metrics::Metrics;

use super::TrainError;
use super::stage::StageFolder;
use crate::eval::Progress;

/// How often the steps of a stage are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Steps of the stage.
    pub total: u64,
    /// Steps between two checkpoints.
    pub save_every: u64,
}

/// Runs all steps. `memory` is whatever else must be remembered between them.
///
/// # Errors
/// The step's own, or a file's.
pub fn run<L: Trainee, T: Serialize + DeserializeOwned, M: Serialize>(
    folder: &StageFolder,
    learner: &mut L,
    steps: Steps,
    memory: &mut T,
    mut step: impl FnMut(&mut L, &mut T, u64) -> Result<M, TrainError>,
) -> Result<(), TrainError> {
    let checkpoints = folder.join("checkpoints");
    let layout = learner.layout();
    let mut first = 0;
    if let Some(saved) = Checkpoint::load(&checkpoints, &layout, learner.optimizer().config)? {
        first = saved.step;
        *memory = serde_json::from_value(saved.extra).map_err(|error| TrainError::Memory {
            folder: checkpoints.clone(),
            problem: error.to_string(),
        })?;
        learner.restore(saved.parameters, saved.optimizer)?;
    }
    let mut metrics = Metrics::new(&folder.join("metrics.jsonl"));
    metrics.resume_at(first)?;
    let progress = Progress::start("steps", steps.total as usize);
    (0..first).for_each(|_| progress.advance(true));
    for number in first..steps.total {
        let done = step(learner, memory, number)?;
        metrics.record(number, &done)?;
        progress.advance(false);
        let next = number + 1;
        if next % steps.save_every == 0 && next < steps.total {
            Checkpoint {
                step: next,
                parameters: learner.parameters().to_vec(),
                optimizer: learner.optimizer().clone(),
                extra: serde_json::to_value(&*memory).unwrap_or_default(),
            }
            .save(&checkpoints, &layout)?;
        }
    }
    progress.finish();
    Ok(())
}
