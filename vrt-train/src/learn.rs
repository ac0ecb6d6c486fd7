//! In: a kind of model. Out: what the three stages need of it, whatever it is.
//!
//! A mini-batch is dealt to a fixed number of shards, whatever the number of threads; their gradients are
//! added in a fixed order, so the same batch gives the same bytes.

use vrt_core::model::lora::LoraError;
use vrt_core::model::{ModelError, ParamSpec};
use vrt_core::pair::PairKey;
use vrt_core::policy::{Policy, Sampling};
use vrt_core::sequence::Sequence;
use vrt_core::shard;
use vrt_core::view::View;

use crate::optim::AdamW;

/// Shards of a mini-batch. Part of a result's identity: never derived from the machine.
pub const SHARDS: usize = 4;

/// An episode as a model saw it, with the tokens that it sampled.
pub trait Sampled: Send + Sync {
    /// Rows of a forward pass: what it costs.
    fn rows(&self) -> usize;

    /// Log-probabilities of the sampled tokens when they were sampled; 0 for a teacher's.
    fn logps(&self) -> impl ExactSizeIterator<Item = f32>;

    /// Sampled tokens.
    fn tokens(&self) -> usize {
        self.logps().len()
    }
}

impl Sampled for Sequence {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn logps(&self) -> impl ExactSizeIterator<Item = f32> {
        self.targets.iter().map(|target| target.logp)
    }
}

/// A loss: for some sequences of a mini-batch, what is logged and the loss's gradient by each log-probability, already
/// normalised over the whole mini-batch.
pub type Loss<'a, T> = dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync + 'a;

/// A model with its optimiser.
pub trait Learn {
    /// An episode as the model saw it.
    type Sequence: Sampled;

    /// Threads that a step may use.
    fn threads(&self) -> usize;

    /// One step on a mini-batch, its log-probabilities taken at this temperature.
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    fn step<T: Send>(
        &mut self,
        sequences: &[&Self::Sequence],
        temperature: f32,
        rate: f32,
        loss: &Loss<'_, T>,
    ) -> Result<Step<T>, LearnError>;
}

/// Parameters with their optimiser: what a checkpoint of training holds.
pub trait Trainee {
    /// Names, shapes and places of the parameters.
    fn layout(&self) -> Vec<ParamSpec>;

    /// The newest ones, flat.
    fn parameters(&self) -> &[f32];

    /// The optimiser and its state.
    fn optimizer(&self) -> &AdamW;

    /// Takes over parameters and optimiser, as read from a checkpoint.
    ///
    /// # Errors
    /// [`LearnError::Model`] if they are of another model.
    fn restore(&mut self, parameters: Vec<f32>, optimizer: AdamW) -> Result<(), LearnError>;
}

/// Which parameters are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of the last step.
    Newest,
    /// Those that training began with.
    Reference,
}

/// Why a policy cannot be made of a model.
pub type ActorError = Box<dyn std::error::Error + Send + Sync>;

/// A model that samples what it learns from.
pub trait Actor {
    /// What learns.
    type Learner: Learn;
    /// The policy of the newest parameters.
    type Policy<'a>: Policy<Sequence = SequenceOf<Self>>
    where
        Self: 'a;

    /// The newest parameters and their optimiser.
    fn learner(&mut self) -> &mut Self::Learner;

    /// A step of training begins: what was kept for the pairs of the last one may go.
    fn begin(&mut self) {}

    /// The policy that samples.
    ///
    /// # Errors
    /// [`ActorError`] if the model does not make one.
    fn policy(&self, sampling: Sampling) -> Result<Self::Policy<'_>, ActorError>;

    /// Log-probabilities of the sampled tokens under some parameters, sequence by sequence.
    ///
    /// # Errors
    /// [`LearnError`] if a sequence does not fit the model.
    fn logps(
        &self,
        of: Weights,
        sequences: &[&SequenceOf<Self>],
        temperature: f32,
    ) -> Result<Vec<Vec<f32>>, LearnError>;
}

/// An episode as an actor's model saw it.
pub type SequenceOf<A> = <<A as Actor>::Learner as Learn>::Sequence;

/// What a loss is asked for: its part for some sequences, and the gradient by their log-probabilities.
pub struct ShardTokens<'a> {
    /// The sequences, as numbers in the mini-batch.
    pub members: &'a [usize],
    /// `ln π_θ` of their sampled tokens, one after the other.
    pub logp: &'a [f32],
}

/// What one step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<T> {
    /// Norm of the gradient before clipping.
    pub norm: f32,
    /// What the loss function returned, in the order of the shards.
    pub logged: Vec<T>,
}

impl<T> Step<T> {
    /// What [`AdamW::step`] returned.
    ///
    /// # Errors
    /// [`LearnError::Diverged`] if the gradient was not finite: the optimiser has changed nothing then.
    pub fn of(optimizer: &AdamW, norm: f32, logged: Vec<T>) -> Result<Self, LearnError> {
        if !norm.is_finite() {
            let step = optimizer.step;
            return Err(LearnError::Diverged { step, norm });
        }
        Ok(Self { norm, logged })
    }
}

/// A step that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// A gradient that is not finite.
    #[error("step {step}: the gradient's norm is {norm}; lower the learning rate")]
    Diverged {
        /// Optimiser steps taken so far.
        step: u64,
        /// The norm.
        norm: f32,
    },
    /// The batch or the parameters do not fit the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The batch does not fit the base of the adapters.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// A picture of a sequence cannot be shown again.
    #[error("pair {:#018x}, picture {view}: {why}", pair.0)]
    Frame {
        /// The pair.
        pair: PairKey,
        /// The picture.
        view: View,
        /// What went wrong.
        why: String,
    },
}

impl LearnError {
    /// A picture that is wanted for training but was never looked at.
    pub fn unseen(pair: PairKey, view: View) -> Self {
        Self::Frame {
            pair,
            view,
            why: "it was never looked at".to_owned(),
        }
    }
}

/// Deals sequences of these costs to the shards, every `group` successive ones to the same.
pub(crate) fn deal(costs: &[u64], group: usize) -> Vec<Vec<usize>> {
    let group = group.max(1);
    let sums: Vec<u64> = costs.chunks(group).map(|each| each.iter().sum()).collect();
    shard::balance(&sums, SHARDS)
        .into_iter()
        .map(|groups| {
            let members = |at: usize| at * group..((at + 1) * group).min(costs.len());
            groups.into_iter().flat_map(members).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everybody_is_dealt_once_and_neighbours_stay_neighbours(
            costs in prop::collection::vec(1u64..50, 0..40),
            group in 0usize..4,
        ) {
            let dealt = deal(&costs, group);
            let mut all: Vec<usize> = dealt.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..costs.len()).collect::<Vec<_>>());
            let size = group.max(1);
            for shard in &dealt {
                for members in shard.chunks(size) {
                    prop_assert_eq!(members[0] % size, 0);
                    let run: Vec<usize> = (members[0]..costs.len().min(members[0] + size)).collect();
                    prop_assert_eq!(members, &run[..]);
                }
            }
            if size == 1 {
                prop_assert_eq!(dealt, shard::balance(&costs, SHARDS));
            }
        }
    }
}
