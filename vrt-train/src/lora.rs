//! In: shards of a batch and a loss. Out: one optimiser step on low-rank adapters over a frozen decoder.
//!
//! Gradients, moments and parameters have the size of the adapters; the base is shared by all threads and never
//! copied. How a batch is cut into shards is the caller's, and part of a result's identity.

use vrt_core::model::gradients::Shard;
use vrt_core::model::lora::{Lora, LoraError};
use vrt_core::sequence::Packed;
use vrt_core::shard;

use crate::optim::{AdamW, AdamWConfig, Trained};

/// Adapters and their optimiser.
pub struct LoraLearner {
    /// The adapters over their base.
    pub lora: Lora,
    /// The optimiser and its state.
    pub optimizer: AdamW,
    parameters: Vec<f32>,
    threads: usize,
}

/// One shard of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its sequences.
    pub batch: &'a Packed,
    /// The visual embeddings that they refer to, `tokens × width`.
    pub visual: &'a [f32],
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoraStep {
    /// The losses of the shards, summed in order.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub norm: f32,
}

/// A step that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoraStepError {
    /// A gradient that is not finite.
    #[error("step {step}: the gradient's norm is {norm}; lower the learning rate")]
    Diverged {
        /// Optimiser steps taken so far.
        step: u64,
        /// The norm.
        norm: f32,
    },
    /// A shard that does not fit the base.
    #[error(transparent)]
    Lora(#[from] LoraError),
}

impl LoraLearner {
    /// A learner for these adapters.
    pub fn new(lora: Lora, config: AdamWConfig, threads: usize) -> Self {
        let parameters = lora.parameters().to_vec();
        Self {
            optimizer: AdamW::new(config, parameters.len()),
            lora,
            parameters,
            threads,
        }
    }

    /// One step. `loss` takes a shard's number and its targets' log-probabilities, and returns the shard's loss with
    /// its derivative by each of them, already normalised over the whole batch.
    ///
    /// # Errors
    /// [`LoraStepError`]; nothing was changed then.
    pub fn step(
        &mut self,
        parts: &[Part<'_>],
        temperature: f32,
        rate: f32,
        loss: &(dyn Fn(usize, &[f32]) -> (f64, Vec<f32>) + Sync),
    ) -> Result<LoraStep, LoraStepError> {
        let lora = &self.lora;
        let shards = shard::in_order(parts.len(), self.threads, |number| {
            let Part { batch, visual } = parts[number];
            lora.loss_gradients(batch, visual, temperature, |logps, _| loss(number, logps))
        });
        let mut sum = Shard {
            loss: 0.0,
            grads: vec![0.0; self.parameters.len()],
        };
        for shard in shards {
            let shard = shard?;
            sum.loss += shard.loss;
            vrt_core::model::kernels::add(&mut sum.grads, &shard.grads);
        }
        let all = [Trained {
            range: 0..self.parameters.len(),
            decays: true,
        }];
        let norm = self
            .optimizer
            .step(&mut self.parameters, &sum.grads, &all, rate);
        if !norm.is_finite() {
            return Err(LoraStepError::Diverged {
                step: self.optimizer.step,
                norm,
            });
        }
        self.lora
            .load_flat(&self.parameters)
            .map_err(LoraError::Model)?;
        Ok(LoraStep {
            loss: sum.loss,
            norm,
        })
    }
}
