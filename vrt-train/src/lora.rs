//! In: shards of a batch and a loss. Out: one optimiser step on low-rank adapters over a frozen decoder.
//!
//! Gradients, moments and parameters have the size of the adapters; the base is shared by all threads and never
//! copied. How a batch is cut into shards is the caller's, and part of a result's identity.

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

/// A shard's number and its targets' log-probabilities → the shard's loss and its derivative by each of them, both
/// already normalised over the whole batch.
pub type LoraLoss<'a> = dyn Fn(usize, &[f32]) -> (f64, Vec<f32>) + Sync + 'a;

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

    /// One step over the shards of a batch.
    ///
    /// # Errors
    /// [`LoraStepError`]; nothing was changed then.
    pub fn step(
        &mut self,
        parts: &[Part<'_>],
        temperature: f32,
        rate: f32,
        loss: &LoraLoss<'_>,
    ) -> Result<LoraStep, LoraStepError> {
        let lora = &self.lora;
        let shards = shard::in_order(parts.len(), self.threads, |number| {
            let Part { batch, visual } = parts[number];
            lora.loss_gradients(batch, visual, temperature, |logps, _| loss(number, logps))
        });
        let mut total = 0.0;
        let mut grads = Vec::with_capacity(parts.len());
        for shard in shards {
            let shard = shard?;
            total += shard.loss;
            grads.push(shard.grads);
        }
        let mut gradient = shard::sum(grads, self.threads);
        // A step without shards goes along no gradient.
        gradient.resize(self.parameters.len(), 0.0);
        let all = [Trained {
            range: 0..self.parameters.len(),
            decays: true,
        }];
        let norm = self
            .optimizer
            .step(&mut self.parameters, &gradient, &all, rate, self.threads);
        if !norm.is_finite() {
            return Err(LoraStepError::Diverged {
                step: self.optimizer.step,
                norm,
            });
        }
        self.lora
            .load_flat(&self.parameters)
            .map_err(LoraError::Model)?;
        Ok(LoraStep { loss: total, norm })
    }
}
