//! In: the sections of an `objective!`. Out: plain data that the trainer consumes.
//!
//! Each choice is independent of the others and named, so that a published method is one declaration; the few
//! combinations that make no sense are refused by [`LossSpec::validate`] and [`AdvantageSpec::validate`].

use serde::{Deserialize, Serialize};

use super::ObjectiveError;
use crate::reward::Interval;

/// What is subtracted from the rewards of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Center {
    /// The mean of the group.
    Mean,
    /// The mean of the other samples.
    LeaveOneOut,
    /// Nothing.
    None,
}

/// What the centred rewards are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The standard deviation of the group plus `eps`.
    Std,
    /// The standard deviation of all rewards of the step plus `eps`.
    BatchStd,
    /// Nothing.
    None,
}

/// What is normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// The sum of the weighted terms.
    #[default]
    Total,
    /// Each weighted term on its own, and then they are summed (GDPO, arXiv 2601.05242).
    EachTerm,
}

/// The advantage of a group of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Singleton {
    /// 0: there is nothing to compare with (TRL; verl's vectorised estimators).
    #[default]
    Zero,
    /// The reward itself, divided by `1 + eps` where a deviation would be divided by (verl's loops).
    Keep,
}

/// `A_i = (s_i − center) / (scale + eps)` over one group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvantageSpec {
    /// What is subtracted.
    pub center: Center,
    /// What is divided by.
    pub scale: Scale,
    /// Keeps the division finite; the paper does not state it. TRL adds 1e-4, verl 1e-6.
    pub eps: f64,
    /// What is taken off the number of samples in the denominator of the variance: 1 (TRL, verl) or 0.
    pub ddof: u8,
    /// What is normalised.
    pub normalise: Normalise,
    /// The advantage of a group of one.
    pub singleton: Singleton,
}

impl AdvantageSpec {
    /// Within the group, the other choices as TRL makes them.
    pub const fn group(center: Center, scale: Scale, eps: f64) -> Self {
        Self {
            center,
            scale,
            eps,
            ddof: 1,
            normalise: Normalise::Total,
            singleton: Singleton::Zero,
        }
    }
}

/// Of what the importance ratio `ζ = π_θ / π_old` is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ratio {
    /// Each token.
    #[default]
    Token,
    /// The whole sequence: `exp(mean_t(ln π_θ − ln π_old))`, the same for all its tokens (GSPO, arXiv 2507.18071).
    Sequence,
}

/// How far a ratio may carry the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surrogate {
    /// `−min(min(ζ, delta)·A, clip(ζ, 1 − low, 1 + high)·A)`, at most `−dual·A` where `A < 0`.
    Clip {
        /// How far below 1 a ratio may fall.
        low: f64,
        /// How far above 1 a ratio may rise; above `low` it is DAPO's clip-higher (arXiv 2503.14476).
        high: f64,
        /// Bounds the loss of a bad sample (dual clip, arXiv 1912.09729).
        dual: Option<f64>,
        /// Bounds the unclipped ratio (two-sided clip, arXiv 2505.07291).
        delta: Option<f64>,
    },
    /// `−sg(clamp(ζ, floor, cap))·A·ln π_θ`: every token keeps a gradient (CISPO, arXiv 2506.13585).
    Cispo {
        /// The largest weight.
        cap: f64,
        /// The smallest weight: none in TRL, `1 − low` in verl.
        floor: Option<f64>,
    },
    /// `−A·4/τ·sigmoid(τ(ζ − 1))`, a soft gate (SAPO, arXiv 2511.20347).
    Sapo {
        /// The temperature τ where `A > 0`.
        positive: f64,
        /// The temperature τ elsewhere.
        negative: f64,
    },
}

impl Surrogate {
    /// PPO's clip and nothing else.
    pub const fn clip(low: f64, high: f64) -> Self {
        Self::Clip {
            low,
            high,
            dual: None,
            delta: None,
        }
    }

    /// The word that declares it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Clip { .. } => "clip",
            Self::Cispo { .. } => "cispo",
            Self::Sapo { .. } => "sapo",
        }
    }
}

/// The estimator of `KL(π_θ‖π_ref)` for a token, with `r = π_ref / π_θ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `−ln r`
    K1,
    /// `|ln r|`
    Abs,
    /// `½ (ln r)²`
    K2,
    /// `r − 1 − ln r`
    K3,
    /// The value of `k1`, the gradient of `k2`, which is the KL's own.
    K1Straight,
    /// The value of `k3`, the gradient of `k2`, which is the KL's own.
    K3Straight,
}

/// Where the distance from the reference policy counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlace {
    /// In the loss of each token.
    #[default]
    Loss,
    /// In the reward of the sample: `s_i − β·Σ_t KL_t`, before advantages are taken.
    Reward,
}

/// `β · KL(π_θ‖π_ref)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlSpec {
    /// How it is estimated.
    pub estimator: KlEstimator,
    /// The paper's β; 0 leaves the reference policy out.
    pub beta: f64,
    /// Where it counts.
    pub place: KlPlace,
    /// Multiplies the estimate by the token's ratio, which makes its expectation that of the new policy
    /// (TRL's `use_bias_correction_kl`).
    pub unbiased: bool,
}

impl KlSpec {
    /// In the loss, as it is estimated.
    pub const fn in_loss(estimator: KlEstimator, beta: f64) -> Self {
        Self {
            estimator,
            beta,
            place: KlPlace::Loss,
            unbiased: false,
        }
    }
}

/// How the losses of tokens become one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The mean over a sample's tokens, then over samples: the paper's `1/T(R̃_i) Σ_t`.
    PerSampleMean,
    /// The mean over all tokens of a mini-batch.
    TokenMean,
    /// The sum over a sample's tokens divided by this constant, then the mean over samples.
    SumOverConstant(f64),
    /// The sum over tokens divided by the mean number of tokens of the step's mini-batches: each token of the step
    /// weighs the same, in whichever mini-batch it is.
    GlobalTokenMean,
}

/// Whether a sample without a learned token counts among the samples of a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// It counts, as one of loss 0 (TRL).
    #[default]
    Keep,
    /// It does not (verl).
    Drop,
}

/// What is learned from an episode that a length limit cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncated {
    /// As from every other.
    #[default]
    Learn,
    /// Nothing: its tokens carry no loss (DAPO's overlong filtering).
    Mask,
}

/// How advantages become a loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSpec {
    /// Of what the ratio is taken.
    pub ratio: Ratio,
    /// How far a ratio may carry the gradient.
    pub surrogate: Surrogate,
    /// The distance from the reference policy.
    pub kl: KlSpec,
    /// From tokens to one number.
    pub reduce: Reduce,
    /// Samples without a learned token.
    pub empty: Empty,
    /// Truncated importance correction: a token's loss is multiplied by `min(π_old / π_sampler, cap)`, where `π_old` is
    /// the trainer's own probability before the step. None trusts that the sampler and the trainer agree.
    pub correction: Option<f64>,
    /// Episodes that were cut off.
    pub truncated: Truncated,
}

/// Which groups teach nothing and are drawn again. Right means [`crate::reward::Judged::overall_right`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resample {
    /// Groups in which every sample is right.
    pub all_correct: bool,
    /// Groups in which every sample is wrong.
    pub all_wrong: bool,
}

impl Resample {
    /// Whether a group with this many right samples of `samples` is drawn again.
    pub fn draws_again(self, right: usize, samples: usize) -> bool {
        samples > 0 && (self.all_correct && right == samples || self.all_wrong && right == 0)
    }
}

fn check(
    objective: &'static str,
    place: &'static str,
    value: f64,
    range: Interval,
) -> Result<(), ObjectiveError> {
    if (range.low..=range.high).contains(&value) {
        return Ok(());
    }
    Err(ObjectiveError::Number {
        objective,
        place,
        value,
        range,
    })
}

fn refuse(objective: &'static str, clash: Option<&'static str>) -> Result<(), ObjectiveError> {
    match clash {
        Some(words) => Err(ObjectiveError::Clash { objective, words }),
        None => Ok(()),
    }
}

impl AdvantageSpec {
    /// The values that `eps` may take.
    pub const EPS: Interval = Interval::new(0.0, 1.0);
    /// The values that `ddof` may take.
    pub const DDOF: Interval = Interval::new(0.0, 1.0);

    /// Checks the numbers and their combination.
    ///
    /// # Errors
    /// [`ObjectiveError::Number`] for a number outside its range, [`ObjectiveError::Clash`] for choices that exclude
    /// each other.
    pub fn validate(&self, objective: &'static str) -> Result<(), ObjectiveError> {
        check(objective, "advantage.eps", self.eps, Self::EPS)?;
        check(objective, "advantage.ddof", self.ddof.into(), Self::DDOF)?;
        refuse(objective, self.clash())
    }

    /// Which choices exclude each other, why, and how to mend it; asked when compiling as well.
    pub const fn clash(&self) -> Option<&'static str> {
        let scaled = !matches!(self.scale, Scale::None);
        match self.center {
            Center::LeaveOneOut if scaled => Some(
                "`center: leave_one_out` with a `scale` divides by a deviation that contains the sample which the centre \
                 leaves out, so the baseline is biased again; write `scale: none`",
            ),
            Center::None if scaled => Some(
                "`center: none` with a `scale` divides rewards by how much they differ, but does not compare them; write \
                 `center: mean`, or `scale: none`",
            ),
            _ => None,
        }
    }
}

impl LossSpec {
    /// The values that `clip.low` may take: a ratio is never below 0.
    pub const CLIP_LOW: Interval = Interval::new(0.0, 1.0);
    /// The values that `clip.high` may take.
    pub const CLIP_HIGH: Interval = Interval::new(0.0, 100.0);
    /// The values that `clip.dual`, `clip.delta`, `cispo.cap` and `correct.cap` may take.
    pub const CAP: Interval = Interval::new(1.0, 1000.0);
    /// The values that `cispo.floor` may take.
    pub const FLOOR: Interval = Interval::new(0.0, 1.0);
    /// The values that SAPO's temperatures may take.
    pub const TEMPERATURE: Interval = Interval::new(0.01, 100.0);
    /// The values that `kl.beta` may take.
    pub const BETA: Interval = Interval::new(0.0, 10.0);
    /// The values that the constant of [`Reduce::SumOverConstant`] may take.
    pub const CONSTANT: Interval = Interval::new(1.0, 1e9);

    /// Checks the numbers and their combination.
    ///
    /// # Errors
    /// [`ObjectiveError::Number`] for the first number outside its range, [`ObjectiveError::Clash`] for the first choices
    /// that exclude each other.
    pub fn validate(&self, objective: &'static str) -> Result<(), ObjectiveError> {
        let number = |place, value, range| check(objective, place, value, range);
        let maybe =
            |place, value: Option<f64>, range| value.map_or(Ok(()), |v| number(place, v, range));
        match self.surrogate {
            Surrogate::Clip {
                low,
                high,
                dual,
                delta,
            } => {
                number("surrogate.clip.low", low, Self::CLIP_LOW)?;
                number("surrogate.clip.high", high, Self::CLIP_HIGH)?;
                maybe("surrogate.clip.dual", dual, Self::CAP)?;
                maybe("surrogate.clip.delta", delta, Self::CAP)?;
            }
            Surrogate::Cispo { cap, floor } => {
                number("surrogate.cispo.cap", cap, Self::CAP)?;
                maybe("surrogate.cispo.floor", floor, Self::FLOOR)?;
            }
            Surrogate::Sapo { positive, negative } => {
                number("surrogate.sapo.positive", positive, Self::TEMPERATURE)?;
                number("surrogate.sapo.negative", negative, Self::TEMPERATURE)?;
            }
        }
        number("kl.beta", self.kl.beta, Self::BETA)?;
        maybe("correction", self.correction, Self::CAP)?;
        if let Reduce::SumOverConstant(constant) = self.reduce {
            number("reduce", constant, Self::CONSTANT)?;
        }
        refuse(objective, self.clash())
    }

    /// Which choices exclude each other, why, and how to mend it; asked when compiling as well.
    pub const fn clash(&self) -> Option<&'static str> {
        let sequence = matches!(self.ratio, Ratio::Sequence);
        if let Surrogate::Clip {
            high, dual, delta, ..
        } = self.surrogate
        {
            if sequence && delta.is_some() {
                return Some(
                    "`delta` bounds the ratio of a token, and with `ratio: sequence` there is none; leave `delta` out",
                );
            }
            if let Some(delta) = delta
                && delta < 1.0 + high
            {
                return Some(
                    "`delta` lies below `1 + high`, so the clip would never be reached; write a larger `delta`",
                );
            }
            if let Some(dual) = dual
                && dual < 1.0 + high
            {
                return Some(
                    "`dual` lies below `1 + high`, so it would cut off what the clip allows; write a larger `dual`",
                );
            }
        }
        let in_reward = matches!(self.kl.place, KlPlace::Reward);
        if in_reward && self.kl.beta == 0.0 {
            return Some(
                "`in: reward` with `beta: 0.0` subtracts nothing from any reward; give `beta` a value, or leave `in` out",
            );
        }
        if in_reward
            && matches!(
                self.kl.estimator,
                KlEstimator::K1Straight | KlEstimator::K3Straight
            )
        {
            return Some(
                "a straight-through estimator differs from its plain form in the gradient alone, and a reward has none; \
                 write `k1` or `k3`",
            );
        }
        if in_reward && self.kl.unbiased {
            return Some(
                "`unbiased` weighs the loss of a token, and with `in: reward` the KL is in no loss; leave one of the two \
                 out",
            );
        }
        if sequence && self.kl.unbiased {
            return Some(
                "`unbiased` multiplies by the ratio of a token, and with `ratio: sequence` there is none; leave \
                 `unbiased` out",
            );
        }
        None
    }
}
