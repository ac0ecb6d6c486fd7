//! In: the sections of an `objective!`. Out: plain data that the trainer consumes.

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

/// What the centred rewards of a group are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The standard deviation of the group plus `eps`.
    Std,
    /// Nothing.
    None,
}

/// `A_i = (s_i − center) / (scale + eps)` over one group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvantageSpec {
    /// What is subtracted.
    pub center: Center,
    /// What is divided by.
    pub scale: Scale,
    /// Keeps the division finite; the paper does not state it.
    pub eps: f64,
}

/// `clip(ζ, 1 − low, 1 + high)` of the token ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipSpec {
    /// How far below 1 a ratio may fall.
    pub low: f64,
    /// How far above 1 a ratio may rise.
    pub high: f64,
}

/// The estimator of `KL(π_θ‖π_ref)` for a token, with `r = π_ref / π_θ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `−ln r`
    K1,
    /// `½ (ln r)²`
    K2,
    /// `r − 1 − ln r`
    K3,
}

/// `β · KL(π_θ‖π_ref)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlSpec {
    /// How it is estimated.
    pub estimator: KlEstimator,
    /// The paper's β; 0 leaves the reference policy out.
    pub beta: f64,
}

/// How the losses of tokens become one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The mean over a sample's tokens, then over samples: the paper's `1/T(R̃_i) Σ_t`.
    PerSampleMean,
    /// The mean over all tokens of a batch.
    TokenMean,
    /// The sum over a sample's tokens divided by this constant, then the mean over samples.
    SumOverConstant(f64),
}

/// How advantages become a loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSpec {
    /// The clipped ratio.
    pub clip: ClipSpec,
    /// The distance from the reference policy.
    pub kl: KlSpec,
    /// From tokens to one number.
    pub reduce: Reduce,
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

impl AdvantageSpec {
    /// The values that `eps` may take.
    pub const EPS: Interval = Interval::new(0.0, 1.0);

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`ObjectiveError::Number`] for a number outside its range.
    pub fn validate(&self, objective: &'static str) -> Result<(), ObjectiveError> {
        check(objective, "advantage.eps", self.eps, Self::EPS)
    }
}

impl LossSpec {
    /// The values that `clip.low` may take: a ratio is never below 0.
    pub const CLIP_LOW: Interval = Interval::new(0.0, 1.0);
    /// The values that `clip.high` may take.
    pub const CLIP_HIGH: Interval = Interval::new(0.0, 100.0);
    /// The values that `kl.beta` may take.
    pub const BETA: Interval = Interval::new(0.0, 10.0);
    /// The values that the constant of [`Reduce::SumOverConstant`] may take.
    pub const CONSTANT: Interval = Interval::new(1.0, 1e9);

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`ObjectiveError::Number`] for the first number outside its range.
    pub fn validate(&self, objective: &'static str) -> Result<(), ObjectiveError> {
        check(objective, "clip.low", self.clip.low, Self::CLIP_LOW)?;
        check(objective, "clip.high", self.clip.high, Self::CLIP_HIGH)?;
        check(objective, "kl.beta", self.kl.beta, Self::BETA)?;
        if let Reduce::SumOverConstant(constant) = self.reduce {
            check(objective, "reduce", constant, Self::CONSTANT)?;
        }
        Ok(())
    }
}
