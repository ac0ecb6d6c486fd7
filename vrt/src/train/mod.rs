//! In: a preference file, a checkpoint, a configuration. Out: adapters trained in the paper's three stages.
//!
//! `config → pairs → scripts or samples → `[`vrt_train`]`'s steps → stage folder`. What is learned, how advantages and losses are
//! made and how steps are taken is the trainer's of the experiments; what is new here is where pairs, pictures and parameters
//! come from.

mod checked;
mod cold_start;
pub mod config;
mod error;
mod export;
mod harvest;
mod pairs;
mod plan;
mod script;
mod stage;
mod steps;
pub mod tables;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use vrt_core::model::lora::Lora;
use vrt_core::objective::Objective;
use vrt_core::op::PaperOps;
use vrt_core::policy::Sampling;
use vrt_train::atomic::{self, FileError};
use vrt_train::grpo::{self, Task};
use vrt_train::lora::LoraLearner;
use vrt_train::sft::{self, SftConfig};

pub use cold_start::{TraceLedger, TracesError};
pub use config::{ConfigError, ConfigFile};
pub use error::TrainError;
pub use export::export;
pub use pairs::{PairLedger, Pairs, PairsError};
pub use plan::plan;
pub use script::ScriptError;
pub use stage::{StageError, StageFolder, StageName};
pub use tables::TrainConfig;

use self::script::{Classroom, Script};
use self::stage::Settings;
use self::steps::Steps;
use self::tables::{ColdStartTable, GrpoTable, RftTable, Start};
use crate::checkpoint::{CheckpointActor, CheckpointOptions, Reader, outline};
use crate::eval::{Depth, prompt_digest};
use crate::prompt::Prompt;
use crate::rewards::objective::WithObjective;

/// What a stage did.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it had ended before.
    pub was_done: bool,
}

/// Everything that a stage is run with.
struct Job<'a> {
    file: &'a ConfigFile,
    stage: StageName,
    folder: StageFolder,
    pairs: Pairs,
    reader: Arc<Reader>,
    prompt: Prompt,
    outline: String,
    lora: Lora,
    threads: usize,
}

/// Runs one stage, or goes on with it.
///
/// # Errors
/// [`TrainError`].
pub fn run(file: &ConfigFile, stage: StageName) -> Result<Outcome, TrainError> {
    let config = &file.config;
    let start = start(file, stage)?;
    let folder = StageFolder::new(&config.out, stage);
    let was_done = folder.is_done();
    let outcome = Outcome {
        folder: folder.path().to_owned(),
        was_done,
    };
    let threads = threads(config);
    let pairs = Pairs::load(&config.data, Depth::Index, config.seed, threads)?;
    let reader = Arc::new(Reader::open(&config.checkpoint)?);
    let outline = outline(&config.checkpoint)?;
    let base = Arc::new(reader.checkpoint().frozen()?);
    let mut lora = Lora::new(base, config.adapters, config.seed)?;
    if let Some(before) = start.stage() {
        StageFolder::new(&config.out, before).load(&mut lora, &outline)?;
    }
    let dimensions = config.data.benchmark.benchmark().dimensions();
    let job = Job {
        file,
        stage,
        folder,
        pairs,
        reader,
        prompt: Prompt::of::<PaperOps>(&config.rules, dimensions),
        outline,
        lora,
        threads,
    };
    match stage {
        StageName::ColdStart => job.cold_start(file.table(stage, config.cold_start.as_ref())?),
        StageName::Rft => job.rft(file.table(stage, config.rft.as_ref())?),
        StageName::Grpo => {
            let table = file.table(stage, config.grpo.as_ref())?;
            table.objective.with(Reinforce { job, table })
        }
    }?;
    Ok(outcome)
}

/// Where a stage starts from.
fn start(file: &ConfigFile, stage: StageName) -> Result<Start, ConfigError> {
    let config = &file.config;
    Ok(match stage {
        StageName::ColdStart => {
            file.table(stage, config.cold_start.as_ref())?;
            Start::Checkpoint
        }
        StageName::Rft => file.table(stage, config.rft.as_ref())?.start,
        StageName::Grpo => file.table(stage, config.grpo.as_ref())?.start,
    })
}

fn threads(config: &TrainConfig) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
    config.threads.map_or_else(all, NonZero::get)
}

impl Job<'_> {
    fn config(&self) -> &TrainConfig {
        &self.file.config
    }

    fn classroom(&self) -> Classroom<'_> {
        Classroom {
            reader: &self.reader,
            prompt: &self.prompt,
            rules: &self.config().rules,
            pairs: &self.pairs,
            pixels: self.config().pixels(),
        }
    }

    fn options(&self) -> CheckpointOptions {
        CheckpointOptions {
            pixels: self.config().pixels(),
            batch: self.config().side_by_side.get(),
            ..CheckpointOptions::default()
        }
    }

    fn steps(&self, total: u64) -> Steps {
        Steps {
            total,
            save_every: self.config().save_every.get(),
        }
    }

    /// What decides the result, as the stage's folder keeps it.
    fn settings(&self, table: &impl Serialize, more: Value) -> Settings {
        let config = self.config();
        let fresh = matches!(start(self.file, self.stage), Ok(Start::Checkpoint));
        let dimensions = config.data.benchmark.benchmark().dimensions();
        let rest = json!({
            "seed": config.seed,
            "data": self.pairs.file,
            "pairs": self.pairs.ledger,
            "swap": config.data.swap,
            "rules": config.rules,
            "picture_tokens": config.picture_tokens,
            "optimizer": config.optimizer,
            "prompt": prompt_digest::<PaperOps>(&config.rules, dimensions),
            self.stage.key(): table,
            "more": more,
        });
        Settings::new(self.stage, self.outline.clone(), &self.lora, fresh, rest)
    }

    fn learner(&self) -> LoraLearner {
        let config = self.config().optimizer;
        LoraLearner::new(self.lora.clone(), config, self.threads)
    }

    fn cold_start(self, table: &ColdStartTable) -> Result<(), TrainError> {
        let config = self.config();
        let dimensions = config.data.benchmark.benchmark().dimensions();
        let (scripts, ledger) = cold_start::read(
            &table.traces,
            table.keep,
            &self.pairs,
            &config.rules,
            dimensions,
        )?;
        let bytes = std::fs::read(&table.traces).map_err(FileError::at("read", &table.traces))?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let settings = self.settings(table, json!({ "traces": digest }));
        if !self.folder.begin(&settings)? {
            return Ok(());
        }
        self.keep(
            "ledger.json",
            &json!({"pairs": self.pairs.ledger, "traces": ledger}),
        )?;
        self.imitate(&scripts, table.passes())
    }

    fn rft(self, table: &RftTable) -> Result<(), TrainError> {
        let settings = self.settings(table, Value::Null);
        if !self.folder.begin(&settings)? {
            return Ok(());
        }
        let options = CheckpointOptions {
            sampling: Sampling {
                temperature: table.temperature,
                seed: self.config().seed,
                step: 0,
                max_tokens: table.max_tokens.get(),
            },
            // The tokens are what is learned.
            logprobs: true,
            ..self.options()
        };
        let policy = CheckpointActor::policy_of(&self.lora, &self.reader, &self.prompt, options);
        let policy = policy.map_err(TrainError::Actor)?;
        let run = serde_json::to_value(&settings).unwrap_or_default();
        let gathered = harvest::gather(
            &policy,
            &self.pairs,
            table.samples.get(),
            &self.config().rules,
            self.threads,
            &self.folder,
            run.as_object().cloned().unwrap_or_default(),
        )?;
        let ledger = json!({"pairs": self.pairs.ledger, "samples": gathered.harvest,
            "ends": gathered.ledger});
        self.keep("ledger.json", &ledger)?;
        self.imitate(&gathered.scripts, table.passes())
    }

    /// Fine-tunes on episodes.
    fn imitate(&self, scripts: &[Script], passes: SftConfig) -> Result<(), TrainError> {
        let total = passes.steps(scripts.len());
        let mut learner = self.learner();
        let seed = self.config().seed;
        steps::run(
            &self.folder,
            &mut learner,
            self.steps(total),
            &mut (),
            |learner, (), step| {
                let members = passes.members(step, scripts.len(), seed);
                let turns = members
                    .into_iter()
                    .map(|at| scripts[at].turns(self.classroom()));
                let turns = turns.collect::<Result<Vec<_>, _>>()?;
                let batch: Vec<_> = turns.iter().collect();
                Ok(sft::step(learner, &batch, passes.schedule.at(step, total))?)
            },
        )
    }

    fn keep(&self, name: &str, value: &Value) -> Result<(), FileError> {
        atomic::write(&self.folder.join(name), format!("{value:#}\n").as_bytes())
    }
}

struct Reinforce<'a> {
    job: Job<'a>,
    table: &'a GrpoTable,
}

impl WithObjective for Reinforce<'_> {
    type Out = Result<(), TrainError>;

    fn run<B: Objective + 'static>(self) -> Self::Out {
        let Self { job, table } = self;
        let objective: B = job.file.objective()?;
        let settings = job.settings(table, json!({ "objective": objective }));
        if !job.folder.begin(&settings)? {
            return Ok(());
        }
        job.keep("ledger.json", &json!({"pairs": job.pairs.ledger}))?;
        let seed = job.config().seed;
        let pairs = |number: u64| job.pairs.drawn(number, seed);
        let task = Task {
            config: table.config(),
            objective: &objective,
            rules: job.config().rules,
            pairs: &pairs,
            seed,
        };
        let mut learner = job.learner();
        steps::run(
            &job.folder,
            &mut learner,
            job.steps(table.steps.get()),
            &mut 0u64,
            |learner, cursor, step| {
                let mut actor = CheckpointActor {
                    learner,
                    reference: &job.lora,
                    reader: &job.reader,
                    prompt: &job.prompt,
                    options: job.options(),
                };
                Ok(grpo::step::<PaperOps, B, _>(
                    &mut actor, &task, step, cursor,
                )?)
            },
        )
    }
}
