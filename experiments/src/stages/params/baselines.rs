//! In: the tables of a spec that the paper's tables need. Out: the same, typed: other inputs, other data, other judges, costs.

use serde::{Deserialize, Serialize};
use vrt_core::episode::Rules;
use vrt_train::bradley_terry::TieModel;

use crate::world::split::Length;

/// `[base.input]`: what an episode begins with, in training and in judging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputParams {
    /// Evenly spaced frames of each video that are shown first, all where there are fewer: half of `N_in`.
    pub per_video: u32,
    /// Calls an episode may make: 0 for a judge that answers at once.
    pub calls: u8,
}

impl Default for InputParams {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            per_video: rules.initial_per_video,
            calls: rules.max_calls,
        }
    }
}

impl InputParams {
    /// The paper's rules with these differences.
    pub fn rules(&self) -> Rules {
        Rules {
            initial_per_video: self.per_video,
            max_calls: self.calls,
            ..Rules::default()
        }
    }
}

/// `[base.data]`: what the stages after the base are trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataParams {
    /// The length of which no pair is trained on. The base saw it, as a pretrained model has seen many things.
    pub leave_out: Option<Length>,
}

/// `[base.judge]`: a judge that answers at once, from the frames it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeParams {
    /// Whether it writes down what the frames show before it answers. Its traces are then the perfect reader's, kept if
    /// their overall judgment is right; else each trace is the ground truth alone.
    pub reason: bool,
    /// Traces.
    pub traces: u32,
    /// Passes over them.
    pub epochs: u32,
    /// Traces an update.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
    /// Standard deviation of the reader's estimates, per frame of distance.
    pub estimate_noise: f64,
}

impl Default for JudgeParams {
    fn default() -> Self {
        Self {
            reason: true,
            traces: 2000,
            epochs: 6,
            batch: 32,
            lr: 1.5e-3,
            final_lr: 0.1,
            estimate_noise: 0.12,
        }
    }
}

/// `[base.scalar]`: a scalar reward a dimension, trained on comparisons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScalarParams {
    /// Labelled pairs.
    pub pairs: u32,
    /// Passes over them.
    pub epochs: u32,
    /// Pairs an update.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
    /// `θ` of Bradley–Terry with ties.
    pub theta: TieModel,
}

impl Default for ScalarParams {
    fn default() -> Self {
        Self {
            pairs: 10_000,
            epochs: 3,
            batch: 32,
            lr: 1.5e-3,
            final_lr: 0.1,
            theta: TieModel::default(),
        }
    }
}

/// `[base.score]`: how scalar rewards are read as judgments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreParams {
    /// Whether `diff` takes a margin's sign, as VideoAlign's metric does, even where the margin is called a tie. Else a
    /// tie on a decided pair is wrong, as for every other judge.
    pub untied: bool,
}

impl Default for ScoreParams {
    fn default() -> Self {
        Self { untied: true }
    }
}

/// `[base.measure]`: what judging costs, on the first pairs of each split of `eval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureParams {
    /// Pairs of each split.
    pub pairs: u32,
    /// How often all is measured again; the median is shown.
    pub repeats: u32,
}

impl Default for MeasureParams {
    fn default() -> Self {
        Self {
            pairs: 60,
            repeats: 5,
        }
    }
}
