//! In: whatever is trained. Out: what the three stages ask of it.

use std::path::Path;

use serde_json::{Map, Value};
use vrt_core::episode::Rules;
use vrt_core::op::OpSet;
use vrt_core::policy::{Policy, Sampling};
use vrt_train::learn::{Actor, ActorError, Learn, Sampled, Trainee};
use vrt_train::optim::AdamWConfig;
use vrt_train::tiny::Training;

use super::error::TrainError;
use super::pairs::Pairs;
use super::script::{Script, ScriptError};
use crate::prompt::DimensionWording;

/// A model with the parameters that a stage starts from.
pub trait Model: Sized {
    /// The operations that it is offered.
    type Ops: OpSet;
    /// An episode as it sees it.
    type Sequence: Sampled;
    /// The newest parameters and their optimiser.
    type Learner: Trainee;
    /// It samples and learns.
    type Actor<'a>: Actor<Learner: Learn<Sequence = Self::Sequence>>
    where
        Self: 'a;
    /// It samples, and its replies hold their tokens.
    type Policy<'a>: Policy
    where
        Self: 'a;

    /// The file in a stage's folder that holds its result.
    const RESULT: &'static str;

    /// What tells the base from others: the results of all stages belong to it.
    fn base(&self) -> Map<String, Value>;

    /// What else of its own decides a result.
    fn asked(&self, dimensions: &[DimensionWording; 3]) -> Map<String, Value>;

    /// What an episode may do.
    fn rules(&self) -> &Rules;

    /// Tokens that a unit may have, whatever a stage allows.
    fn most_tokens(&self) -> u32 {
        u32::MAX
    }

    /// The parameters.
    fn parameters(&self) -> &[f32];

    /// Goes on from a stage's result.
    ///
    /// # Errors
    /// [`TrainError`] if the file is damaged, or of another base.
    fn go_on(&mut self, result: &Path) -> Result<(), TrainError>;

    /// The policy of the parameters; its replies hold the tokens that they are made of.
    ///
    /// # Errors
    /// [`ActorError`] if the model makes none.
    fn policy(&self, sampling: Sampling) -> Result<Self::Policy<'_>, ActorError>;

    /// The pairs that were sampled so far are done with: what was kept for them may go.
    fn forget(&self) {}

    /// A learner that begins with the parameters.
    ///
    /// # Errors
    /// [`TrainError`] if they are not the model's.
    fn learner(&self, config: AdamWConfig, threads: usize) -> Result<Self::Learner, TrainError>;

    /// What samples and learns with these newest parameters; the model's own are the reference.
    fn actor<'a>(&'a self, learner: &'a mut Self::Learner) -> Self::Actor<'a>;

    /// Whether an episode can be learned, as far as that is known before its pictures are looked at.
    ///
    /// # Errors
    /// [`ScriptError`].
    fn check(&self, _script: &Script, _pairs: &Pairs) -> Result<(), ScriptError> {
        Ok(())
    }

    /// An episode to be learned, its pictures looked at. Only units without a fault are learned: as they were sampled where
    /// their tokens are known.
    ///
    /// # Errors
    /// [`ScriptError`] if a picture cannot be shown, or the episode does not fit the model.
    fn lesson(&self, script: &Script, pairs: &Pairs) -> Result<Self::Sequence, ScriptError>;

    /// Writes a stage's result.
    ///
    /// # Errors
    /// [`TrainError`] if it cannot be written.
    fn save(
        &self,
        result: &Path,
        learner: &Self::Learner,
        training: Training,
    ) -> Result<(), TrainError>;
}
