//! In: sequences and a loss on their sampled tokens. Out: one optimiser step.
//!
//! A mini-batch is dealt to a fixed number of shards, whatever the number of threads; their gradients are
//! added in a fixed order, so the same batch gives the same bytes.

use std::collections::HashMap;

use dfdx::prelude::Cpu;
use vrt_core::model::{Fused, ParamSpec, Tiny};
use vrt_core::pair::{FrameIndex, PairKey};
use vrt_core::policy::FrameBank;
use vrt_core::sequence::{Packed, Sequence};
use vrt_core::shard;
use vrt_core::window::MemoryWindow;

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
    Patches(&'a (dyn Fn(PairKey, FrameIndex) -> Vec<f32> + Sync)),
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

/// A gradient that is not finite: the step was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("step {step}: the gradient's norm is {norm}; lower the learning rate")]
pub struct Diverged {
    /// Optimiser steps taken so far.
    pub step: u64,
    /// The norm.
    pub norm: f32,
}

impl Learner {
    /// A learner for these parameters.
    pub fn new(parameters: Vec<f32>, scope: Scope, config: AdamWConfig, threads: usize) -> Self {
        let mut model = Tiny::new(&Cpu::default(), 0);
        let layout = model.layout();
        model.load_flat(&parameters);
        let trained = layout
            .iter()
            .filter(|spec| scope.trains(&spec.name))
            .map(|spec| Trained {
                range: spec.offset..spec.offset + spec.shape.iter().product::<usize>(),
                decays: spec.shape.len() > 1,
            })
            .collect();
        let optimizer = AdamW::new(config, parameters.len());
        Self { model, parameters, optimizer, layout, trained, threads }
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
    pub fn restore(&mut self, parameters: Vec<f32>, optimizer: AdamW) {
        self.model.load_flat(&parameters);
        self.parameters = parameters;
        self.optimizer = optimizer;
    }

    /// One step on a mini-batch. `loss` returns, for a shard, what is logged and the loss's gradient by each
    /// log-probability (already normalised over the whole mini-batch).
    ///
    /// # Errors
    /// [`Diverged`] if the gradient is not finite; nothing was changed then.
    pub fn step<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        sight: &Sight<'_>,
        window: MemoryWindow,
        temperature: f32,
        rate: f32,
        loss: &(dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync),
    ) -> Result<Step<T>, Diverged> {
        let costs: Vec<u64> = sequences.iter().map(|sequence| sequence.rows.len() as u64).collect();
        let dealt = shard::balance(&costs, SHARDS);
        let model = &self.model;
        let results = shard::in_order(SHARDS, self.threads, |shard| {
            let members = dealt[shard].as_slice();
            if members.is_empty() {
                return None;
            }
            Some(run_shard(model, sequences, members, sight, window, temperature, loss))
        });
        let mut gradient: Vec<f32> = Vec::new();
        let mut logged = Vec::with_capacity(SHARDS);
        for (part, value) in results.into_iter().flatten() {
            if gradient.is_empty() {
                gradient = part;
            } else {
                for (sum, more) in gradient.iter_mut().zip(part) {
                    *sum += more;
                }
            }
            logged.push(value);
        }
        let norm = self.apply(&gradient, rate)?;
        Ok(Step { norm, shards: logged })
    }

    /// One optimiser step along a gradient; returns its norm.
    ///
    /// # Errors
    /// [`Diverged`] if the gradient is not finite; nothing was changed then.
    pub fn apply(&mut self, gradient: &[f32], rate: f32) -> Result<f32, Diverged> {
        let norm = self.optimizer.step(&mut self.parameters, gradient, &self.trained, rate);
        if !norm.is_finite() {
            return Err(Diverged { step: self.optimizer.step, norm });
        }
        self.model.load_flat(&self.parameters);
        Ok(norm)
    }
}

fn run_shard<T>(
    model: &Tiny,
    sequences: &[&Sequence],
    members: &[usize],
    sight: &Sight<'_>,
    window: MemoryWindow,
    temperature: f32,
    loss: &(dyn Fn(ShardTokens<'_>) -> (T, Vec<f32>) + Sync),
) -> (Vec<f32>, T) {
    let mut places: HashMap<(PairKey, FrameIndex), u32> = HashMap::new();
    let mut frames: Vec<(PairKey, FrameIndex)> = Vec::new();
    let packed = Packed::new(members.iter().map(|&member| sequences[member]), |pair, frame| {
        *places.entry((pair, frame)).or_insert_with(|| {
            frames.push((pair, frame));
            frames.len() as u32 - 1
        })
    });
    let mut value = None;
    let head = |logp: &[f32]| {
        let (logged, gradient) = loss(ShardTokens { members, logp });
        value = Some(logged);
        gradient
    };
    let gradient = match sight {
        Sight::Bank(bank) => {
            let visual: Vec<f32> = frames
                .iter()
                .flat_map(|&(pair, frame)| {
                    let token = bank.get(pair, frame).expect("every frame of a sequence was looked at");
                    token.to_vec()
                })
                .collect();
            model.language_gradients::<Fused>(&packed, &visual, window, temperature, head)
        }
        Sight::Patches(patches) => {
            let pixels: Vec<f32> = frames.iter().flat_map(|&(pair, frame)| patches(pair, frame)).collect();
            model.joint_gradients::<Fused>(&packed, &pixels, frames.len(), window, temperature, head)
        }
    };
    let value = value.expect("the loss was asked once");
    (gradient, value)
}
