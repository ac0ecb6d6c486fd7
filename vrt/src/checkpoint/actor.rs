//! In: adapters on a checkpoint. Out: a policy that samples what it learns from.

use std::sync::Arc;

use vrt_core::model::lora::Lora;
use vrt_core::model::weights::DecoderWeights;
use vrt_core::policy::Sampling;
use vrt_train::learn::{Actor, ActorError, Learn, LearnError, Weights};
use vrt_train::lora::{self, LoraLearner};
use vrt_train::turns::Turns;

use super::policy::{CheckpointOptions, CheckpointPolicy};
use super::reader::Reader;
use crate::prompt::Prompt;

/// Adapters that are trained on what they sample. The vision tower is the checkpoint's and stays as it is.
pub struct CheckpointActor<'a> {
    /// The newest adapters.
    pub learner: &'a mut LoraLearner,
    /// The adapters that training began with.
    pub reference: &'a Lora,
    /// The checkpoint.
    pub reader: &'a Arc<Reader>,
    /// The words it is asked with.
    pub prompt: &'a Prompt,
    /// Pictures and batches; how tokens are drawn comes with each step.
    pub options: CheckpointOptions,
}

impl CheckpointActor<'_> {
    /// The policy of these adapters: the base's weights with them added, laid out for decoding.
    ///
    /// # Errors
    /// [`ActorError`] if the base does not make a decoder.
    pub fn policy_of(
        lora: &Lora,
        reader: &Arc<Reader>,
        prompt: &Prompt,
        options: CheckpointOptions,
    ) -> Result<CheckpointPolicy, ActorError> {
        let config = lora.base().config().clone();
        let weights = DecoderWeights::new(config, |name| lora.merged(name))?;
        let reader = Arc::clone(reader);
        Ok(CheckpointPolicy::new(
            reader,
            weights,
            prompt.clone(),
            options,
        ))
    }
}

impl Actor for CheckpointActor<'_> {
    type Learner = LoraLearner;
    type Policy<'a>
        = CheckpointPolicy
    where
        Self: 'a;

    fn learner(&mut self) -> &mut LoraLearner {
        self.learner
    }

    fn policy(&self, sampling: Sampling) -> Result<CheckpointPolicy, ActorError> {
        let options = CheckpointOptions {
            sampling,
            keep: true,
            ..self.options
        };
        Self::policy_of(&self.learner.lora, self.reader, self.prompt, options)
    }

    fn logps(
        &self,
        of: Weights,
        sequences: &[&Turns],
        temperature: f32,
    ) -> Result<Vec<Vec<f32>>, LearnError> {
        let lora = match of {
            Weights::Newest => &self.learner.lora,
            Weights::Reference => self.reference,
        };
        lora::logps(lora, sequences, temperature, self.learner.threads())
    }
}
