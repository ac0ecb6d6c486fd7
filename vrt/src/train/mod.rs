//! In: a preference file, a checkpoint or a tiny policy, a configuration. Out: what comes of it in the paper's three stages.
//!
//! `config → pairs → scripts or samples → `[`vrt_train`]`'s steps → stage folder`. What is learned, how advantages and losses are
//! made and how steps are taken is the trainer's of the experiments; what is new here is where pairs, pictures and parameters
//! come from. A stage is the same for everything that is a `Model`: adapters on a checkpoint, or a tiny policy.

mod adapters;
mod checked;
mod choice;
mod cold_start;
pub mod config;
mod error;
mod export;
mod harvest;
mod job;
mod model;
mod outlook;
mod pairs;
mod plan;
mod script;
mod stage;
mod steps;
pub mod tables;
mod tiny;

use std::num::NonZero;
use std::path::PathBuf;

use vrt_core::episode::Rules;
use vrt_core::with_offered;
use vrt_train::tiny::TrainedTiny;

pub use adapters::Adapters;
pub use cold_start::{TraceLedger, TracesError};
pub use config::{ConfigError, ConfigFile};
pub use error::TrainError;
pub use export::export;
pub use model::Model;
pub use pairs::{Fit, PairLedger, Pairs, PairsError, Shown};
pub use plan::plan;
pub use script::{LessonError, Script, ScriptError};
pub use stage::{StageError, StageFolder, StageName};
pub use tables::TrainConfig;
pub use tiny::TinyModel;

use self::job::Job;
use self::tables::ModelTable;
use crate::eval::Depth;
use crate::processors::processors;

/// What a stage did.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it had ended before.
    pub was_done: bool,
}

/// Runs one stage, or goes on with it.
///
/// # Errors
/// [`TrainError`].
pub fn run(file: &ConfigFile, stage: StageName) -> Result<Outcome, TrainError> {
    let config = &file.config;
    // A table that is missing is told before anything is looked at.
    file.start(stage)?;
    match &config.model {
        ModelTable::Checkpoint(table) => {
            let pairs = pairs(config, depth(config, &table.rules), &|_, _| Ok(()))?;
            let dimensions = config.data.benchmark.benchmark().dimensions();
            let model = Adapters::open(table, config.seed, dimensions)?;
            run_with(file, stage, pairs, model)
        }
        ModelTable::Tiny(path) => {
            let trained = TrainedTiny::read(path)?;
            let depth = depth(config, &trained.header().rules);
            let pairs = pairs(config, depth, &tiny::fit(&trained))?;
            with_offered!(trained.offered(), Ops => {
                run_with(file, stage, pairs, TinyModel::<Ops>::new(trained)?)
            })
        }
    }
}

fn run_with<M: Model>(
    file: &ConfigFile,
    stage: StageName,
    pairs: Pairs,
    mut model: M,
) -> Result<Outcome, TrainError> {
    let config = &file.config;
    let folder = |stage| StageFolder::new(&config.out, stage, M::RESULT);
    let start = file.start(stage)?;
    if let Some(before) = start {
        model.go_on(&folder(before).result_of(&model.base())?)?;
    }
    let folder = folder(stage);
    let outcome = Outcome {
        folder: folder.path().to_owned(),
        was_done: folder.is_done(),
    };
    let job = Job {
        file,
        stage,
        folder,
        pairs,
        model,
        fresh: start.is_none(),
        threads: threads(config),
    };
    job.run()?;
    Ok(outcome)
}

/// What is to be left out must be known before the first step; what stops a stage anyway may be found on the way.
fn depth(config: &TrainConfig, rules: &Rules) -> Depth {
    match config.data.skip_unusable {
        true => Depth::Frames(rules.initial_per_video),
        false => Depth::Index,
    }
}

fn pairs(config: &TrainConfig, depth: Depth, fit: &Fit<'_>) -> Result<Pairs, PairsError> {
    Pairs::load(&config.data, depth, config.seed, threads(config), fit)
}

fn threads(config: &TrainConfig) -> usize {
    config.threads.map_or_else(processors, NonZero::get)
}
