//! In: log-probabilities of sampled tokens and advantages. Out: the loss of the GRPO family, its gradient on the
//! log-probabilities, and what is logged of it.
//!
//! ```text
//! L = reduce_{i,t} [ c_t · f(ζ_{i,t}, A_i) + β · KL_{i,t} ]      ζ = π_θ / π_old of a token, or of a sequence
//! ```
//!
//! `f` is the [`Surrogate`], `c` the truncated importance correction, and `reduce` one of [`Reduce`]. Everything is
//! differentiated by hand: a token's slope is `d f / d ln ζ`, and a sequence's ratio hands its slope to all its tokens
//! in equal parts, because `ln ζ` is their mean. Generic over the float; the trainer computes in f64.

use std::ops::AddAssign;

use num_traits::Float;
use serde::{Deserialize, Serialize};
use vrt_core::objective::{
    Empty, KlEstimator, KlPlace, KlSpec, LossSpec, Ratio, Reduce, Surrogate,
};

/// The tokens of one sampled sequence that carry loss.
#[derive(Clone, Copy, Debug)]
pub struct SampledTokens<'a, F> {
    /// `ln π_θ` of each sampled token.
    pub logp: &'a [F],
    /// `ln π_old`: before the step; what the sampler said, unless it is corrected for.
    pub old: &'a [F],
    /// `ln π_ref`; may be empty where β is 0 or the KL is in the reward.
    pub reference: &'a [F],
    /// `ln π_sampler`; may be empty where nothing is corrected.
    pub sampler: &'a [F],
    /// The sequence's advantage.
    pub advantage: F,
}

/// What the means are taken over: the whole mini-batch, of which a shard holds a part, and the step around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Sequences of the mini-batch.
    pub sequences: usize,
    /// Those of them without a token that carries loss.
    pub empty: usize,
    /// Tokens of the mini-batch that carry loss.
    pub tokens: usize,
    /// The same of all mini-batches of the step.
    pub step_tokens: usize,
    /// Mini-batches of the step.
    pub mini_batches: usize,
}

impl Batch {
    /// A step of one mini-batch, whose sequences all have tokens.
    pub fn alone(sequences: usize, tokens: usize) -> Self {
        Self {
            sequences,
            empty: 0,
            tokens,
            step_tokens: tokens,
            mini_batches: 1,
        }
    }
}

/// Sums over tokens, to be divided by `tokens` when logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums<F = f64> {
    /// The loss itself, already normalised over the mini-batch.
    pub loss: F,
    /// Tokens seen.
    pub tokens: F,
    /// Tokens whose surrogate has no gradient because a bound holds.
    pub clipped: F,
    /// `KL(π_θ‖π_ref)` by the objective's estimator.
    pub kl: F,
    /// `|ln π_θ − ln π_old|`: how far the policy has moved from the sampler.
    pub drift: F,
}

impl<F: Float> AddAssign for LossSums<F> {
    fn add_assign(&mut self, other: Self) {
        self.loss = self.loss + other.loss;
        self.tokens = self.tokens + other.tokens;
        self.clipped = self.clipped + other.clipped;
        self.kl = self.kl + other.kl;
        self.drift = self.drift + other.drift;
    }
}

/// A number of a spec in the loss's own float.
fn real<F: Float>(value: f64) -> F {
    F::from(value).unwrap_or_else(F::nan)
}

/// A value and its derivative by `ln π_θ`.
#[derive(Clone, Copy)]
struct Slope<F> {
    value: F,
    slope: F,
}

/// `KL(π_θ‖π_ref)` of a token by this estimator, in f64: for rewards and logs.
pub fn kl_value(estimator: KlEstimator, logp: f64, reference: f64) -> f64 {
    kl(estimator, logp, reference).value
}

fn kl<F: Float>(estimator: KlEstimator, logp: F, reference: F) -> Slope<F> {
    let half = real::<F>(0.5);
    // ln r, where r = π_ref / π_θ.
    let log_ratio = reference - logp;
    let (one, ratio) = (F::one(), log_ratio.exp());
    let k2 = half * log_ratio * log_ratio;
    let k3 = ratio - one - log_ratio;
    let (value, slope) = match estimator {
        KlEstimator::K1 => (-log_ratio, one),
        KlEstimator::Abs => {
            let sign = if log_ratio == F::zero() {
                F::zero()
            } else {
                -log_ratio.signum()
            };
            (log_ratio.abs(), sign)
        }
        KlEstimator::K2 => (k2, -log_ratio),
        KlEstimator::K3 => (k3, one - ratio),
        KlEstimator::K1Straight => (-log_ratio, -log_ratio),
        KlEstimator::K3Straight => (k3, -log_ratio),
    };
    Slope { value, slope }
}

/// The surrogate of a ratio `ζ = exp(log_ratio)` and its derivative by `ln ζ`; true where a bound holds.
fn surrogate<F: Float>(
    surrogate: Surrogate,
    log_ratio: F,
    logp: F,
    advantage: F,
) -> (Slope<F>, bool) {
    let (zero, one) = (F::zero(), F::one());
    let ratio = log_ratio.exp();
    match surrogate {
        Surrogate::Clip {
            low,
            high,
            dual,
            delta,
        } => {
            let bounded = match delta {
                Some(delta) => ratio.min(real(delta)),
                None => ratio,
            };
            let clipped = ratio.max(one - real(low)).min(one + real(high));
            let (free, held) = (-bounded * advantage, -clipped * advantage);
            let moves = bounded == ratio;
            let mut loss = Slope {
                value: free.max(held),
                slope: if free >= held && moves { free } else { zero },
            };
            // On equal values either branch is the maximum; the clipped one moves as well inside its bounds.
            if free == held && !moves {
                loss.slope = if clipped == ratio { held } else { zero };
            }
            if let Some(dual) = dual
                && advantage < zero
            {
                let most = -advantage * real(dual);
                if loss.value > most {
                    loss = Slope {
                        value: most,
                        slope: zero,
                    };
                }
            }
            let held = loss.slope == zero && advantage != zero;
            (loss, held)
        }
        Surrogate::Cispo { cap, floor } => {
            let floor = floor.map_or(zero, real);
            let weight = ratio.max(floor).min(real(cap));
            let slope = -weight * advantage;
            let value = slope * logp;
            (Slope { value, slope }, false)
        }
        Surrogate::Sapo { positive, negative } => {
            let temperature: F = real(if advantage > zero { positive } else { negative });
            let gate = one / (one + (-temperature * (ratio - one)).exp());
            let four = real::<F>(4.0);
            let loss = Slope {
                value: -advantage * gate * four / temperature,
                slope: -advantage * four * gate * (one - gate) * ratio,
            };
            (loss, false)
        }
    }
}

/// The KL's part of a token's loss, weighted by β.
fn weighed_kl<F: Float>(spec: &KlSpec, plain: Slope<F>, log_ratio: F) -> Slope<F> {
    let weight = if spec.unbiased {
        log_ratio.exp()
    } else {
        F::one()
    };
    // Where the ratio weighs, it is differentiated as well.
    let of_weight = if spec.unbiased {
        plain.value * weight
    } else {
        F::zero()
    };
    let beta = real::<F>(spec.beta);
    Slope {
        value: beta * weight * plain.value,
        slope: beta * (weight * plain.slope + of_weight),
    }
}

/// What one token weighs in the mini-batch's loss.
fn weight(spec: &LossSpec, tokens: usize, batch: Batch) -> f64 {
    let samples = match spec.empty {
        Empty::Keep => batch.sequences,
        Empty::Drop => batch.sequences - batch.empty.min(batch.sequences),
    };
    let share = |of: f64| if of > 0.0 { 1.0 / of } else { 0.0 };
    match spec.reduce {
        Reduce::PerSampleMean => share(tokens as f64 * samples as f64),
        Reduce::TokenMean => share(batch.tokens as f64),
        Reduce::SumOverConstant(constant) => share(constant * samples as f64),
        Reduce::GlobalTokenMean => {
            share(batch.step_tokens as f64 / batch.mini_batches.max(1) as f64)
        }
    }
}

/// Adds one sequence's part of the mini-batch loss; appends its gradient by `logp` to `gradient`.
pub fn policy_loss<F: Float>(
    spec: &LossSpec,
    tokens: SampledTokens<'_, F>,
    batch: Batch,
    sums: &mut LossSums<F>,
    gradient: &mut Vec<F>,
) {
    let n = tokens.logp.len();
    let per_token: F = real(weight(spec, n, batch));
    let first = gradient.len();
    let log_ratios = tokens.logp.iter().zip(tokens.old).map(|(&a, &b)| a - b);
    let of_sequence = match spec.ratio {
        Ratio::Token => None,
        Ratio::Sequence => {
            let total = log_ratios.clone().fold(F::zero(), |sum, x| sum + x);
            Some(total / real(n.max(1) as f64))
        }
    };
    // Slopes by the sequence's ratio, summed over its tokens.
    let mut shared = F::zero();
    for (t, own) in log_ratios.enumerate() {
        let log_ratio = of_sequence.unwrap_or(own);
        let logp = tokens.logp[t];
        let (mut loss, held) = surrogate(spec.surrogate, log_ratio, logp, tokens.advantage);
        if let (Some(cap), Some(&sampler)) = (spec.correction, tokens.sampler.get(t)) {
            let correction = (tokens.old[t] - sampler).exp().min(real(cap));
            loss.value = loss.value * correction;
            loss.slope = loss.slope * correction;
        }
        if held {
            sums.clipped = sums.clipped + F::one();
        }
        let mut value = loss.value;
        let mut slope = F::zero();
        // CISPO's weight is held constant: its gradient is each token's own, whatever the ratio is taken of.
        let own_slope = of_sequence.is_none() || matches!(spec.surrogate, Surrogate::Cispo { .. });
        if own_slope {
            slope = loss.slope;
        } else {
            shared = shared + loss.slope;
        }
        if let Some(&reference) = tokens.reference.get(t) {
            let plain = kl(spec.kl.estimator, logp, reference);
            sums.kl = sums.kl + plain.value;
            if spec.kl.place == KlPlace::Loss {
                let part = weighed_kl(&spec.kl, plain, own);
                value = value + part.value;
                slope = slope + part.slope;
            }
        }
        sums.loss = sums.loss + per_token * value;
        sums.drift = sums.drift + own.abs();
        sums.tokens = sums.tokens + F::one();
        gradient.push(per_token * slope);
    }
    if n > 0 {
        let each = per_token * shared / real(n as f64);
        for slope in &mut gradient[first..] {
            *slope = *slope + each;
        }
    }
}
