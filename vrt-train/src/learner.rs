//! In: sequences and a loss on their sampled tokens. Out: one optimiser step.
//!
//! A mini-batch is dealt to a fixed number of shards, whatever the number of threads; their gradients are
//! added in a fixed order, so the same batch gives the same bytes.

use std::collections::HashMap;

use dfdx::prelude::Cpu;
use vrt_core::model::{Frames, Fused, ModelError, ParamSpec, Tiny};
use vrt_core::pair::PairKey;
use vrt_core::policy::FrameBank;
use vrt_core::sequence::{Packed, Sequence};
use vrt_core::shard;
use vrt_core::view::View;

use crate::optim::{AdamW, AdamWConfig, Trained};

/// Shards of a mini-batch. Part of a result's identity: never derived from the machine.
pub const SHARDS: usize = 4;

/// Which parameters a stage trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// Everything but the vision tower.
    Language,
    /// The decoder's blocks and its last norm: neither the vision tower nor the embeddings.
    Blocks,
}

impl Scope {
    fn trains(self, name: &str) -> bool {
        let vision = name.starts_with("visual.");
        let embedding = name.starts_with("model.embed_tokens.") || name.starts_with("lm_head.");
        match self {
            Self::All => true,
            Self::Language => !vision,
            Self::Blocks => !vision && !embedding,
        }
    }
}

/// Where the visual tokens of a batch come from.
pub enum Sight<'a> {
    /// The tower is frozen: what it saw is in the bank.
    Bank(&'a FrameBank),
    /// The tower is trained: the patches of a frame are made anew.
    Patches(&'a Patches<'a>),
}

/// A model and its optimiser.
pub struct Learner {
    /// The model with the newest parameters.
    pub model: Tiny,
    /// The same parameters, flat.
    pub parameters: Vec<f32>,
    /// The optimiser and its state.
    pub optimizer: AdamW,
    layout: Vec<ParamSpec>,
    trained: Vec<Trained>,
    threads: usize,
}

/// What one shard is asked for: the loss of its sequences and the gradient by their log-probabilities.
pub struct ShardTokens<'a> {
    /// The shard's sequences, as numbers in the mini-batch.
    pub members: &'a [usize],
    /// `ln π_θ` of their sampled tokens, one after the other.
    pub logp: &'a [f32],
}

/// What one step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<T> {
    /// Norm of the gradient before clipping.
    pub norm: f32,
    /// What the loss function returned for each shard, in shard order.
    pub shards: Vec<T>,
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
    /// A picture of a sequence cannot be shown again.
    #[error("pair {}, picture {view}: {why}", pair.0)]
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

/// Makes the patches of a picture.
pub type Patches<'a> = dyn Fn(PairKey, View) -> Result<Vec<f32>, LearnError> + Sync + 'a;

impl Learner {
    /// A learner for these parameters.
    ///
    /// # Errors
    /// [`LearnError::Model`] if they are not the tiny policy's.
    pub fn new(
        parameters: Vec<f32>,
        scope: Scope,
        config: AdamWConfig,
        threads: usize,
    ) -> Result<Self, LearnError> {
        let mut model = Tiny::new(&Cpu::default(), 0);
        let layout = model.layout();
        model.load_flat(&parameters)?;
        let trained = layout
            .iter()
            .filter(|spec| scope.trains(&spec.name))
            .map(|spec| Trained {
                range: spec.offset..spec.offset + spec.shape.iter().product::<usize>(),
                decays: spec.shape.len() > 1,
            })
            .collect();
        let optimizer = AdamW::new(config, parameters.len());
        Ok(Self {
            model,
            parameters,
            optimizer,
            layout,
            trained,
            threads,
        })
    }

    /// Names, shapes and places of the parameters.
    pub fn layout(&self) -> &[ParamSpec] {
        &self.layout
    }

    /// Threads a step may use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Takes over parameters and optimiser state, as read from a checkpoint.
    ///
    /// # Errors
    /// [`LearnError::Model`] if they are of another model.
    pub fn restore(&mut self, parameters: Vec<f32>, optimizer: AdamW) -> Result<(), LearnError> {
        self.model.load_flat(&parameters)?;
        self.parameters = parameters;
        self.optimizer = optimizer;
        Ok(())
    }

    /// One step on a mini-batch. `loss` returns, for a shard, what is logged and the loss's gradient by each
    /// log-probability (already normalised over the whole mini-batch).
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    pub fn step<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        sight: &Sight<'_>,
        temperature: f32,
        rate: f32,
        loss: &(dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync),
    ) -> Result<Step<T>, LearnError> {
        self.step_in_groups(sequences, 1, sight, temperature, rate, loss)
    }

    /// [`Learner::step`] for a loss that compares sequences: every `group` successive ones are dealt to one shard, where
    /// they stay neighbours.
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    pub fn step_in_groups<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        group: usize,
        sight: &Sight<'_>,
        temperature: f32,
        rate: f32,
        loss: &(dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync),
    ) -> Result<Step<T>, LearnError> {
        let costs: Vec<u64> = sequences
            .iter()
            .map(|sequence| sequence.rows.len() as u64)
            .collect();
        let dealt = deal(&costs, group);
        let model = &self.model;
        let results = shard::in_order(SHARDS, self.threads, |shard| {
            let members = dealt[shard].as_slice();
            if members.is_empty() {
                return None;
            }
            Some(run_shard(
                model,
                sequences,
                members,
                sight,
                temperature,
                loss,
            ))
        });
        let mut parts = Vec::with_capacity(SHARDS);
        let mut logged = Vec::with_capacity(SHARDS);
        for done in results.into_iter().flatten() {
            let (part, value) = done?;
            parts.push(part);
            logged.push(value);
        }
        let gradient = shard::sum(parts, self.threads);
        let norm = self.apply(&gradient, rate)?;
        Ok(Step {
            norm,
            shards: logged,
        })
    }

    /// One optimiser step along a gradient; returns its norm.
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    pub fn apply(&mut self, gradient: &[f32], rate: f32) -> Result<f32, LearnError> {
        let norm = self.optimizer.step(
            &mut self.parameters,
            gradient,
            &self.trained,
            rate,
            self.threads,
        );
        if !norm.is_finite() {
            return Err(LearnError::Diverged {
                step: self.optimizer.step,
                norm,
            });
        }
        self.model.load_flat(&self.parameters)?;
        Ok(norm)
    }
}

/// Deals sequences of these costs to the shards, every `group` successive ones to the same.
fn deal(costs: &[u64], group: usize) -> Vec<Vec<usize>> {
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

fn run_shard<T>(
    model: &Tiny,
    sequences: &[&Sequence],
    members: &[usize],
    sight: &Sight<'_>,
    temperature: f32,
    loss: &(dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync),
) -> Result<(Vec<f32>, T), LearnError> {
    let mut places: HashMap<(PairKey, View), u32> = HashMap::new();
    let mut frames: Vec<(PairKey, View)> = Vec::new();
    let packed = Packed::new(
        members.iter().map(|&member| sequences[member]),
        |pair, view| {
            *places.entry((pair, view)).or_insert_with(|| {
                frames.push((pair, view));
                frames.len() as u32 - 1
            })
        },
    );
    let mut pixels = Vec::new();
    for &(pair, view) in &frames {
        match sight {
            Sight::Bank(bank) => {
                let token = bank
                    .get(pair, view)
                    .ok_or_else(|| LearnError::unseen(pair, view))?;
                pixels.extend_from_slice(&token);
            }
            Sight::Patches(patches) => pixels.extend(patches(pair, view)?),
        }
    }
    let given = match sight {
        Sight::Bank(_) => Frames::Rows(&pixels),
        Sight::Patches(_) => Frames::Patches(&pixels),
    };
    let mut value = None;
    let head = |logp: &[f32], _: &[f32]| {
        let (logged, gradient) = loss(ShardTokens { members, logp });
        value = Some(logged);
        (0.0, gradient)
    };
    let part = model.loss_gradients::<Fused>(&Cpu::default(), &packed, given, temperature, head)?;
    let value = value.expect("the model asks for the loss once");
    Ok((part.grads, value))
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
