//! In: a table of a spec. Out: what a stage runs with, complete and typed.
//!
//! Each struct is a table of the same name; a spec states only what differs from these defaults, which
//! are the recipe measured in the synthetic world. Unknown keys are errors.

mod baselines;

use std::collections::BTreeMap;

pub use baselines::{
    DataParams, InputParams, JudgeParams, MeasureParams, ScalarParams, ScoreParams,
};
use serde::{Deserialize, Serialize};
use vrt_core::episode::Rules;
use vrt_core::window::MemoryWindow;

use crate::world::ask::Tools;
use crate::world::benchmark::{Benchmark, Condition};
use crate::world::config::WorldConfig;
use crate::world::split::Length;
use crate::world::teacher::TeacherParams;

/// All tables of one arm at one scale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArmParams {
    /// The world that pairs are drawn from.
    pub world: WorldConfig,
    /// The tools that the policy is offered.
    #[serde(skip_serializing_if = "Tools::is_paper")]
    pub tools: Tools,
    /// What an episode begins with, and how often it may call.
    #[serde(skip_serializing_if = "is_default")]
    pub input: InputParams,
    /// What the stages after the base are trained on.
    #[serde(skip_serializing_if = "is_default")]
    pub data: DataParams,
    /// The vision tower's own training.
    pub tower: TowerParams,
    /// The base: it plays the pretrained vision-language model.
    pub base: BaseParams,
    /// Supervised training on the teacher's traces.
    pub cold_start: ColdStartParams,
    /// Supervised training of a judge that answers at once.
    pub judge: JudgeParams,
    /// Training of a scalar reward.
    pub scalar: ScalarParams,
    /// How scalar rewards are read as judgments.
    pub score: ScoreParams,
    /// Rejection-sampling fine-tuning.
    pub rft: RftParams,
    /// GRPO.
    pub grpo: GrpoParams,
    /// The judging of held-out pairs.
    pub eval: EvalParams,
    /// The measuring of what judging costs.
    pub measure: MeasureParams,
    /// The judging by a scripted player of perfect perception.
    pub players: PlayersParams,
}

/// What identities leave out, so that a recipe without it keeps its own.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `[base.tower]`: the tower learns to read single frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowerParams {
    /// Seed of the weights and the frames; shared by all runs, like a published checkpoint.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: u32,
    /// Frames a step.
    pub batch: u32,
    /// Peak learning rate, decaying linearly to 0.
    pub lr: f64,
    /// Share of pictures that are no plain frames: close looks and differences.
    #[serde(skip_serializing_if = "is_default")]
    pub drawn: f64,
}

impl Default for TowerParams {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 900,
            batch: 256,
            lr: 3e-3,
            drawn: 0.0,
        }
    }
}

/// `[base.base]`: reports and answers from evidence that the environment supplies; no tool calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseParams {
    /// Seed of the weights and the corpus; shared by all runs, like a published checkpoint.
    pub seed: u64,
    /// Traces, each seen once.
    pub traces: u32,
    /// Traces an update.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
    /// AdamW's decay rates.
    pub betas: [f64; 2],
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// Whether the tower goes on learning; it costs as much as the decoder.
    pub train_tower: bool,
}

impl Default for BaseParams {
    fn default() -> Self {
        Self {
            seed: 0,
            traces: 80_000,
            batch: 32,
            lr: 2.5e-3,
            final_lr: 0.1,
            betas: [0.9, 0.98],
            weight_decay: 0.02,
            train_tower: false,
        }
    }
}

/// `[base.cold_start]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColdStartParams {
    /// Teacher traces kept: those whose overall judgment is right.
    pub traces: u32,
    /// Passes over them.
    pub epochs: u32,
    /// Traces an update; many small updates teach the format.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
    /// Who writes the traces.
    pub teacher: TeacherParams,
}

impl Default for ColdStartParams {
    fn default() -> Self {
        Self {
            traces: 2000,
            epochs: 6,
            batch: 32,
            lr: 1.5e-3,
            final_lr: 0.1,
            teacher: TeacherParams::default(),
        }
    }
}

/// `[base.rft]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RftParams {
    /// Pairs that are sampled.
    pub prompts: u32,
    /// Samples a pair; at most one is kept, with all four judgments right.
    pub samples: u32,
    /// Sampling temperature.
    pub temperature: f64,
    /// Passes over the kept traces.
    pub epochs: u32,
    /// Traces an update.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
}

impl Default for RftParams {
    fn default() -> Self {
        Self {
            prompts: 2600,
            samples: 6,
            temperature: 0.9,
            epochs: 4,
            batch: 32,
            lr: 7e-4,
            final_lr: 0.1,
        }
    }
}

/// `[base.grpo]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpoParams {
    /// Steps, each with fresh rollouts.
    pub steps: u32,
    /// Groups a step after resampling.
    pub prompts: u32,
    /// Samples a group: the paper's `n`.
    pub group: u32,
    /// Groups that a step may sample to find `prompts` that teach, as a multiple of `prompts`.
    pub draws: f64,
    /// Passes over the samples of a step.
    pub inner_epochs: u32,
    /// Samples an update.
    pub batch: u32,
    /// Peak learning rate, linear to `final_lr` of it after the warm-up.
    pub lr: f64,
    /// Steps of warm-up.
    pub warmup: u32,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
    /// AdamW's decay rates.
    pub betas: [f64; 2],
    /// Sampling temperature; the loss uses the same logits.
    pub temperature: f64,
    /// Whether the tower and all embeddings stay as they are.
    pub freeze_reading: bool,
    /// Tokens a unit may have.
    pub max_tokens: u32,
    /// Values for the objective's open parameters (`alpha`, `k`, `eta`, `omega`, …).
    pub objective: toml::Table,
    /// Requirements of the objective that these values may break, word for word; each must be broken.
    #[serde(skip_serializing_if = "is_default")]
    pub waive: Vec<String>,
    /// Steps between two policies that are kept on the way, to be judged later; 0 keeps the last one alone. Keeping changes
    /// nothing else.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_every: u32,
}

impl Default for GrpoParams {
    fn default() -> Self {
        Self {
            steps: 50,
            prompts: 32,
            group: 8,
            draws: 3.0,
            inner_epochs: 1,
            batch: 128,
            lr: 4e-4,
            warmup: 5,
            final_lr: 0.2,
            betas: [0.9, 0.95],
            temperature: 0.8,
            freeze_reading: true,
            max_tokens: 64,
            objective: toml::Table::new(),
            waive: Vec::new(),
            keep_every: 0,
        }
    }
}

impl GrpoParams {
    /// The steps after which a policy is kept, the last one aside.
    pub fn kept(&self) -> impl Iterator<Item = u32> {
        let every = self.keep_every;
        let steps = (every > 0).then(|| (every..self.steps).step_by(every as usize));
        steps.into_iter().flatten()
    }
}

/// `[base.eval]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalParams {
    /// Which held-out pairs: `design` while choosing, `report` for results.
    pub held_out: HeldOut,
    /// Pairs of each split, or of each benchmark before a condition selects among them.
    pub pairs_per_split: u32,
    /// The splits, one length each; not judged where there are benchmarks.
    pub splits: Vec<Length>,
    /// Benchmarks that mix lengths and labels, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub benchmarks: BTreeMap<String, Benchmark>,
    /// Which pairs of each benchmark are judged; each condition is a split of its own.
    #[serde(skip_serializing_if = "is_whole")]
    pub conditions: Vec<Condition>,
    /// Other frames first than the policy was trained with: evenly spaced ones of each video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_video: Option<u32>,
    /// Who chooses the frames of a call.
    pub frames: Frames,
    /// The memory window: how many of the newest outcomes stay visible.
    pub window: MemoryWindow,
    /// How tokens are chosen.
    pub decode: Decode,
    /// Temperature when `decode = "sampled"`.
    pub temperature: f64,
    /// Judges with the policy that GRPO kept after this step (`grpo.keep_every`), not with the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

fn is_whole(conditions: &[Condition]) -> bool {
    conditions == [Condition::Whole]
}

impl EvalParams {
    /// What an episode of the judging may do.
    pub fn rules(&self, input: &InputParams) -> Rules {
        let calls = match self.frames {
            Frames::None => 0,
            Frames::Chosen | Frames::Random | Frames::Oracle => input.calls,
        };
        Rules {
            initial_per_video: self.per_video.unwrap_or(input.per_video),
            max_calls: calls,
            window: self.window,
            ..Rules::default()
        }
    }
}

impl Default for EvalParams {
    fn default() -> Self {
        Self {
            held_out: HeldOut::Report,
            pairs_per_split: 1334,
            splits: Length::ALL.to_vec(),
            benchmarks: BTreeMap::new(),
            conditions: vec![Condition::Whole],
            per_video: None,
            frames: Frames::Chosen,
            window: MemoryWindow::default(),
            decode: Decode::Greedy,
            temperature: 1.0,
            step: None,
        }
    }
}

/// `[base.players]`: a player that reads perfectly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlayersParams {
    /// How it gets its frames.
    pub player: PlayerKind,
    /// Evenly spaced frames of each video that a player without a tool sees.
    pub per_video: u32,
    /// How a player with the tool chooses.
    pub teacher: TeacherParams,
}

impl Default for PlayersParams {
    fn default() -> Self {
        Self {
            player: PlayerKind::NoTool,
            per_video: 4,
            teacher: TeacherParams::default(),
        }
    }
}

/// How a scripted player gets its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayerKind {
    /// Evenly spaced frames, no calls.
    NoTool,
    /// Four first frames of each video, then calls.
    Teacher,
}

/// A set of held-out pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// For choosing between designs.
    Design,
    /// For reported results only.
    Report,
}

/// Who chooses the frames of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frames {
    /// The policy.
    Chosen,
    /// Chance: as many frames as the policy asked for.
    Random,
    /// Nobody: the policy must answer at once.
    None,
    /// The oracle chooser: right video, right frames, right number of calls.
    Oracle,
}

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decode {
    /// The likeliest token.
    Greedy,
    /// A sample.
    Sampled,
}
