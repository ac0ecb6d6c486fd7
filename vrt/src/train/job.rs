//! In: a model, pairs, a stage's table. Out: the stage's result in its folder, whatever the model is.

use serde::Serialize;
use serde_json::{Value, json};
use vrt_core::objective::Objective;
use vrt_core::policy::Sampling;
use vrt_train::atomic::{self, FileError};
use vrt_train::grpo::{self, Task};
use vrt_train::learn::Actor;
use vrt_train::sft::{self, SftConfig};
use vrt_train::tiny::Training;

use super::config::ConfigFile;
use super::error::TrainError;
use super::model::Model;
use super::pairs::Pairs;
use super::script::Script;
use super::stage::{Settings, StageFolder, StageName};
use super::steps::{self, Steps};
use super::tables::{ColdStartTable, GrpoTable, RftTable, TrainConfig};
use super::{cold_start, harvest};
use crate::prompt::DimensionWording;
use crate::rewards::objective::WithObjective;

/// Everything that a stage is run with.
pub struct Job<'a, M> {
    /// The configuration.
    pub file: &'a ConfigFile,
    /// The stage.
    pub stage: StageName,
    /// Where it keeps what it does.
    pub folder: StageFolder,
    /// The pairs that can teach.
    pub pairs: Pairs,
    /// What is trained, with the parameters that the stage starts from.
    pub model: M,
    /// Whether these are the model's own.
    pub fresh: bool,
    /// Threads.
    pub threads: usize,
}

impl<M: Model> Job<'_, M> {
    /// Runs the stage, or goes on with it.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn run(self) -> Result<(), TrainError> {
        let (file, stage) = (self.file, self.stage);
        let config = &file.config;
        match stage {
            StageName::ColdStart => self.cold_start(file.table(stage, config.cold_start.as_ref())?),
            StageName::Rft => self.rft(file.table(stage, config.rft.as_ref())?),
            StageName::Grpo => {
                let table = file.table(stage, config.grpo.as_ref())?;
                table.objective.with(Reinforce { job: self, table })
            }
        }
    }

    fn config(&self) -> &TrainConfig {
        &self.file.config
    }

    fn dimensions(&self) -> &'static [DimensionWording; 3] {
        self.config().data.benchmark.benchmark().dimensions()
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
        let mut rest = self.model.asked(self.dimensions());
        let shared = [
            ("seed", json!(config.seed)),
            ("data", json!(self.pairs.file)),
            ("pairs", json!(self.pairs.ledger)),
            ("swap", json!(config.data.swap)),
            ("rules", json!(self.model.rules())),
            ("optimizer", json!(config.optimizer)),
            (self.stage.key(), json!(table)),
            ("more", more),
        ];
        rest.extend(shared.map(|(name, value)| (name.to_owned(), value)));
        let (base, parameters) = (self.model.base(), self.model.parameters());
        Settings::new(self.stage, base, parameters, self.fresh, rest)
    }

    fn cold_start(self, table: &ColdStartTable) -> Result<(), TrainError> {
        let (scripts, ledger) = cold_start::read::<M::Ops>(
            &table.traces,
            table.keep,
            &self.pairs,
            self.model.rules(),
            self.dimensions(),
            |script| self.model.check(script, &self.pairs),
        )?;
        let bytes = std::fs::read(&table.traces).map_err(FileError::at("read", &table.traces))?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let settings = self.settings(table, json!({ "traces": digest }));
        if !self.folder.begin(&settings)? {
            return Ok(());
        }
        self.keep_ledger(&json!({"pairs": self.pairs.ledger, "traces": ledger}))?;
        self.imitate(&scripts, table.passes(), &settings)
    }

    fn rft(self, table: &RftTable) -> Result<(), TrainError> {
        let settings = self.settings(table, Value::Null);
        if !self.folder.begin(&settings)? {
            return Ok(());
        }
        let sampling = Sampling {
            temperature: table.temperature,
            seed: self.config().seed,
            step: 0,
            max_tokens: table.max_tokens.get().min(self.model.most_tokens()),
        };
        let gathered = harvest::gather(
            &self.model,
            sampling,
            &self.pairs,
            table.samples.get(),
            self.threads,
            &self.folder,
            settings.fields(),
        )?;
        self.keep_ledger(
            &json!({"pairs": self.pairs.ledger, "samples": gathered.harvest,
            "ends": gathered.ledger}),
        )?;
        self.imitate(&gathered.scripts, table.passes(), &settings)
    }

    /// Fine-tunes on episodes.
    fn imitate(
        &self,
        scripts: &[Script],
        passes: SftConfig,
        settings: &Settings,
    ) -> Result<(), TrainError> {
        let total = passes.steps(scripts.len());
        let mut learner = self.model.learner(self.config().optimizer, self.threads)?;
        let seed = self.config().seed;
        steps::run(
            &self.folder,
            &mut learner,
            self.steps(total),
            &mut (),
            |learner, (), step| {
                let mut actor = self.model.actor(learner);
                actor.begin();
                let members = passes.members(step, scripts.len(), seed);
                let lessons = members
                    .into_iter()
                    .map(|at| self.model.lesson(&scripts[at], &self.pairs));
                let lessons = lessons.collect::<Result<Vec<_>, _>>()?;
                let batch: Vec<_> = lessons.iter().collect();
                let rate = passes.schedule.at(step, total);
                Ok(sft::step(actor.learner(), &batch, rate)?)
            },
        )?;
        self.finish(&learner, settings)
    }

    fn reinforce<B: Objective>(&self, table: &GrpoTable) -> Result<(), TrainError> {
        let objective: B = self.file.objective()?;
        let settings = self.settings(table, json!({ "objective": objective }));
        if !self.folder.begin(&settings)? {
            return Ok(());
        }
        self.keep_ledger(&json!({"pairs": self.pairs.ledger}))?;
        let seed = self.config().seed;
        let all = &self.pairs;
        let pairs = |number: u64| all.drawn(number, seed);
        let mut config = table.config();
        config.max_tokens = config.max_tokens.min(self.model.most_tokens());
        let task = Task {
            config,
            objective: &objective,
            rules: *self.model.rules(),
            pairs: &pairs,
            seed,
        };
        let mut learner = self.model.learner(self.config().optimizer, self.threads)?;
        steps::run(
            &self.folder,
            &mut learner,
            self.steps(config.steps),
            &mut 0u64,
            |learner, cursor, step| {
                let mut actor = self.model.actor(learner);
                Ok(grpo::step::<M::Ops, B, _>(&mut actor, &task, step, cursor)?)
            },
        )?;
        self.finish(&learner, &settings)
    }

    /// Writes the result, with what it came of.
    fn finish(&self, learner: &M::Learner, settings: &Settings) -> Result<(), TrainError> {
        let training = Training {
            stage: self.stage.key().to_owned(),
            settings: settings.digest(),
            data: self.pairs.file.name.clone(),
            pairs: self.pairs.len(),
            seed: self.config().seed,
        };
        self.model.save(&self.folder.result(), learner, training)
    }

    fn keep_ledger(&self, ledger: &Value) -> Result<(), FileError> {
        let text = format!("{ledger:#}\n");
        atomic::write(&self.folder.join("ledger.json"), text.as_bytes())
    }
}

struct Reinforce<'a, M> {
    job: Job<'a, M>,
    table: &'a GrpoTable,
}

impl<M: Model> WithObjective for Reinforce<'_, M> {
    type Out = Result<(), TrainError>;

    fn run<B: Objective + 'static>(self) -> Self::Out {
        self.job.reinforce::<B>(self.table)
    }
}
