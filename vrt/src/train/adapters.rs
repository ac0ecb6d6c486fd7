//! In: a checkpoint's folder. Out: low-rank adapters on its decoder, as the stages train them.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use vrt_core::episode::Rules;
use vrt_core::model::lora::{Lora, LoraError};
use vrt_core::op::PaperOps;
use vrt_core::policy::Sampling;
use vrt_train::checkpoint::{load_weights, save_weights};
use vrt_train::learn::{ActorError, Trainee};
use vrt_train::lora::LoraLearner;
use vrt_train::optim::AdamWConfig;
use vrt_train::tiny::Training;
use vrt_train::turns::Turns;

use super::error::TrainError;
use super::model::Model;
use super::pairs::Pairs;
use super::script::{Script, ScriptError};
use super::tables::CheckpointTable;
use crate::checkpoint::{
    CheckpointActor, CheckpointOptions, CheckpointPolicy, Gallery, Reader, Unit, outline,
};
use crate::eval::prompt_digest;
use crate::prompt::{DimensionWording, Prompt};
use crate::traces::retell;

/// Adapters on a checkpoint, which itself stays as it is.
pub struct Adapters<'a> {
    table: &'a CheckpointTable,
    reader: Arc<Reader>,
    prompt: Prompt,
    base: Map<String, Value>,
    lora: Lora,
}

/// What tells adapters on a checkpoint from others.
///
/// # Errors
/// [`TrainError::File`] if the checkpoint cannot be listed.
pub fn base(table: &CheckpointTable) -> Result<Map<String, Value>, TrainError> {
    let outline = outline(&table.folder)?;
    Ok(Map::from_iter([
        ("checkpoint".to_owned(), json!(outline)),
        ("adapters".to_owned(), json!(table.adapters)),
    ]))
}

/// Puts a stage's result into adapters.
///
/// # Errors
/// [`TrainError`] if the file is damaged or holds others.
pub fn load(result: &Path, lora: &mut Lora) -> Result<(), TrainError> {
    let parameters = load_weights(result, &lora.layout())?;
    lora.load_flat(&parameters).map_err(LoraError::from)?;
    Ok(())
}

impl<'a> Adapters<'a> {
    /// Fresh adapters, drawn with this seed.
    ///
    /// # Errors
    /// [`TrainError`] if the checkpoint cannot be read.
    pub fn open(
        table: &'a CheckpointTable,
        seed: u64,
        dimensions: &[DimensionWording; 3],
    ) -> Result<Self, TrainError> {
        let reader = Arc::new(Reader::open(&table.folder)?);
        let frozen = Arc::new(reader.checkpoint().frozen()?);
        Ok(Self {
            table,
            reader,
            prompt: Prompt::of::<PaperOps>(&table.rules, dimensions),
            base: base(table)?,
            lora: Lora::new(frozen, table.adapters, seed)?,
        })
    }

    fn options(&self) -> CheckpointOptions {
        CheckpointOptions {
            pixels: self.table.pixels(),
            batch: self.table.side_by_side.get(),
            ..CheckpointOptions::default()
        }
    }
}

impl Model for Adapters<'_> {
    type Ops = PaperOps;
    type Sequence = Turns;
    type Learner = LoraLearner;
    type Actor<'a>
        = CheckpointActor<'a>
    where
        Self: 'a;
    type Policy<'a>
        = CheckpointPolicy
    where
        Self: 'a;

    const RESULT: &'static str = "adapters.safetensors";

    fn base(&self) -> Map<String, Value> {
        self.base.clone()
    }

    fn asked(&self, dimensions: &[DimensionWording; 3]) -> Map<String, Value> {
        let prompt = prompt_digest::<PaperOps>(&self.table.rules, dimensions);
        let picture_tokens = json!(self.table.picture_tokens);
        Map::from_iter([
            ("picture_tokens".to_owned(), picture_tokens),
            ("prompt".to_owned(), json!(prompt)),
        ])
    }

    fn rules(&self) -> &Rules {
        &self.table.rules
    }

    fn parameters(&self) -> &[f32] {
        self.lora.parameters()
    }

    fn go_on(&mut self, result: &Path) -> Result<(), TrainError> {
        load(result, &mut self.lora)
    }

    fn policy(&self, sampling: Sampling) -> Result<CheckpointPolicy, ActorError> {
        let options = CheckpointOptions {
            sampling,
            logprobs: true,
            ..self.options()
        };
        CheckpointActor::policy_of(&self.lora, &self.reader, &self.prompt, options)
    }

    fn learner(&self, config: AdamWConfig, threads: usize) -> Result<LoraLearner, TrainError> {
        Ok(LoraLearner::new(self.lora.clone(), config, threads))
    }

    fn actor<'a>(&'a self, learner: &'a mut LoraLearner) -> CheckpointActor<'a> {
        CheckpointActor {
            learner,
            reference: &self.lora,
            reader: &self.reader,
            prompt: &self.prompt,
            options: self.options(),
        }
    }

    fn lesson(&self, script: &Script, pairs: &Pairs) -> Result<Turns, ScriptError> {
        let pair = pairs.in_order(script.shown);
        let gallery = Gallery::new(&pair);
        let replies = script.replies.iter().cloned();
        let (rules, prompt) = (&self.table.rules, &self.prompt);
        let told = retell::<PaperOps>(&pair, &script.initial, replies, rules, prompt);
        let mut turns = self.reader.turns();
        for (told, reply) in told.iter().zip(&script.replies) {
            let Some((_, asked)) = told.messages.split_last().filter(|_| !told.faulty) else {
                continue;
            };
            let sampled: Option<Vec<u32>> = reply.sampled.iter().map(|one| one.token).collect();
            let sampled = sampled.filter(|tokens| !tokens.is_empty());
            let unit = match &sampled {
                Some(tokens) => Unit::Tokens(tokens),
                None => Unit::Text(&reply.text),
            };
            let pixels = self.table.pixels();
            let told = (self.reader).tell(&mut turns, asked, &gallery, pixels, unit);
            told.map_err(|error| script.refused(pairs, error))?;
        }
        Ok(turns)
    }

    fn save(&self, result: &Path, learner: &LoraLearner, _: Training) -> Result<(), TrainError> {
        Ok(save_weights(
            result,
            &learner.layout(),
            learner.parameters(),
        )?)
    }
}
