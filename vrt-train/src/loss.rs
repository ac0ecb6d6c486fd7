//! In: log-probabilities of sampled tokens and advantages. Out: the GRPO loss, its gradient on the
//! log-probabilities, and what is logged of it.
//!
//! `−J = mean_i 1/T_i Σ_t −min(ζA, clip(ζ, 1−ε_low, 1+ε_high)A) + β·KL_t`, with `ζ = π_θ / π_old` of a token.
//! Computed in f64 and differentiated by hand: `d/d lp` of the clipped term is `−ζA` where the first argument is
//! the smaller one, and 0 where the clip holds.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use vrt_core::objective::{KlEstimator, LossSpec, Reduce};

/// The tokens of one sampled sequence.
#[derive(Clone, Copy, Debug)]
pub struct SampledTokens<'a> {
    /// `ln π_θ` of each sampled token.
    pub logp: &'a [f64],
    /// `ln π_old`: what the sampler said.
    pub old: &'a [f64],
    /// `ln π_ref`; may be empty where β is 0.
    pub reference: &'a [f64],
    /// The sequence's advantage.
    pub advantage: f64,
}

/// What the means are taken over: the whole mini-batch, of which a shard holds a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Sequences.
    pub sequences: usize,
    /// Sampled tokens.
    pub tokens: usize,
}

/// Sums over tokens, to be divided by `tokens` when logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    /// The loss itself, already normalised over the mini-batch.
    pub loss: f64,
    /// Tokens seen.
    pub tokens: f64,
    /// Tokens where the clip cuts the gradient off.
    pub clipped: f64,
    /// `KL(π_θ‖π_ref)` by the objective's estimator.
    pub kl: f64,
    /// `|ln ζ|`: how far the policy has moved from the sampler.
    pub drift: f64,
}

impl AddAssign for LossSums {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.tokens += other.tokens;
        self.clipped += other.clipped;
        self.kl += other.kl;
        self.drift += other.drift;
    }
}

/// `KL(π_θ‖π_ref)` of a token and its derivative by `ln π_θ`.
fn kl(estimator: KlEstimator, logp: f64, reference: f64) -> (f64, f64) {
    let log_ratio = reference - logp;
    match estimator {
        KlEstimator::K1 => (-log_ratio, 1.0),
        KlEstimator::K2 => (0.5 * log_ratio * log_ratio, -log_ratio),
        KlEstimator::K3 => (log_ratio.exp() - 1.0 - log_ratio, 1.0 - log_ratio.exp()),
    }
}

/// Adds one sequence's part of the mini-batch loss; appends its gradient by `logp` to `gradient`.
pub fn policy_loss(
    spec: &LossSpec,
    tokens: SampledTokens<'_>,
    batch: Batch,
    sums: &mut LossSums,
    gradient: &mut Vec<f64>,
) {
    let per_token = match spec.reduce {
        Reduce::PerSampleMean => 1.0 / (tokens.logp.len().max(1) as f64 * batch.sequences as f64),
        Reduce::TokenMean => 1.0 / batch.tokens as f64,
        Reduce::SumOverConstant(constant) => 1.0 / (constant * batch.sequences as f64),
    };
    let advantage = tokens.advantage;
    for (t, (&logp, &old)) in tokens.logp.iter().zip(tokens.old).enumerate() {
        let ratio = (logp - old).exp();
        let clipped = ratio.clamp(1.0 - spec.clip.low, 1.0 + spec.clip.high);
        let (free, held) = (ratio * advantage, clipped * advantage);
        let (mut loss, mut slope) = (-free.min(held), -free);
        if held < free {
            slope = 0.0;
            sums.clipped += 1.0;
        }
        if let Some(&reference) = tokens.reference.get(t) {
            let (value, derivative) = kl(spec.kl.estimator, logp, reference);
            loss += spec.kl.beta * value;
            slope += spec.kl.beta * derivative;
            sums.kl += value;
        }
        sums.loss += per_token * loss;
        sums.drift += (logp - old).abs();
        sums.tokens += 1.0;
        gradient.push(per_token * slope);
    }
}
