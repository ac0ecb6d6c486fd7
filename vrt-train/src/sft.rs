//! In: sequences. Out: parameters that make their sampled tokens likely.
//!
//! Supervised fine-tuning, `L = −Σ_i Σ_j log p(r_ij | X, (r_1, o_1) …, r_i,<j)`: the loss of the base, of cold
//! start and of rejection-sampling fine-tuning. Only tokens of the policy's own units carry loss.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use vrt_core::rng::{self, Purpose};

use crate::learn::{Learn, LearnError, Sampled, ShardTokens};
use crate::optim::Schedule;

/// How a supervised stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Passes over the sequences.
    pub epochs: u64,
    /// Sequences a step.
    pub batch: usize,
    /// The learning rate.
    pub schedule: Schedule,
}

impl SftConfig {
    /// Steps over `sequences` sequences; the last batch of an epoch may be smaller.
    pub fn steps(&self, sequences: usize) -> u64 {
        self.epochs * self.steps_an_epoch(sequences)
    }

    fn steps_an_epoch(&self, sequences: usize) -> u64 {
        sequences.div_ceil(self.batch.max(1)) as u64
    }

    /// Which sequences step `step` trains on: each epoch is a fresh shuffle, keyed by seed and epoch.
    pub fn members(&self, step: u64, sequences: usize, seed: u64) -> Vec<usize> {
        let epoch = step / self.steps_an_epoch(sequences);
        let place = (step % self.steps_an_epoch(sequences)) as usize * self.batch;
        let mut order: Vec<usize> = (0..sequences).collect();
        order.shuffle(&mut rng::stream(seed, Purpose::Shuffle, epoch, 0, 0));
        order[place..sequences.min(place + self.batch)].to_vec()
    }
}

/// What one supervised step saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SftStep {
    /// Mean negative log-probability of a token.
    pub loss: f64,
    /// Norm of the gradient.
    pub norm: f32,
    /// Tokens learned.
    pub tokens: u64,
}

/// One step: the mean over the batch's tokens of `−ln p`.
///
/// # Errors
/// [`LearnError`].
pub fn step<L: Learn>(
    learner: &mut L,
    batch: &[&L::Sequence],
    rate: f32,
) -> Result<SftStep, LearnError> {
    let tokens: usize = batch.iter().map(|sequence| sequence.tokens()).sum();
    let each = 1.0 / tokens.max(1) as f32;
    let nll = |shard: ShardTokens<'_>| {
        let sum: f64 = shard.logp.iter().map(|&logp| -f64::from(logp)).sum();
        (sum, vec![-each; shard.logp.len()])
    };
    let done = learner.step(batch, 1.0, rate, &nll)?;
    let loss = done.logged.iter().sum::<f64>() / tokens.max(1) as f64;
    Ok(SftStep {
        loss,
        norm: done.norm,
        tokens: tokens as u64,
    })
}
