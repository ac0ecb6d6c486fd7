//! In: the base and labelled pairs. Out: a model that gives each video a reward a dimension.
//!
//! VideoReward's kind of judge, trained on comparisons by Bradley–Terry with ties: the mean over pairs and dimensions of
//! `−ln P(label | r_1 − r_2)`, see [`vrt_train::bradley_terry`].

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use vrt_core::pair::{Preference, PreferencePair, Side};
use vrt_core::policy::FrameBank;
use vrt_core::sequence::Sequence;
use vrt_train::learn::ShardTokens;
use vrt_train::learner::{Learner, Scope, Sight};
use vrt_train::optim::{AdamWConfig, Decay, Schedule};
use vrt_train::sft::SftConfig;

use super::Link;
use super::data::TrainingPairs;
use super::params::{ArmParams, DataParams, InputParams, ScalarParams};
use super::steps::{self, Done, failed, read_weights};
use super::supervised::look;
use crate::kit::{Kit, with_kit};
use crate::reward_head::{self, REWARDS, RewardHead};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::Training;

/// The training of a scalar reward.
pub struct Scalar<K> {
    world: WorldConfig,
    kit: K,
    params: ScalarParams,
    input: InputParams,
    data: DataParams,
    seed: u64,
    base: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Scalar::new(link, kit)))
}

impl<K: Kit> Scalar<K> {
    /// The stage of a chain; the tools decide on the vocabulary alone.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            scalar,
            input,
            data,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: scalar,
            input,
            data,
            seed: link.seed,
            base: link.previous,
        }
    }
}

/// What one step saw.
#[derive(Serialize)]
struct Metrics {
    loss: f64,
    norm: f32,
    /// Share of decided labels whose margin has the right sign.
    right: f64,
}

/// Sums over a shard.
#[derive(Default)]
struct Sums {
    loss: f64,
    decided: u32,
    right: u32,
}

impl<K: Kit> Stage for Scalar<K> {
    fn kind(&self) -> &'static str {
        "scalar"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let params = serde_json::json!({
            "world": self.world,
            "scalar": self.params,
            "per_video": self.input.per_video,
            "seed": self.seed,
        });
        let params = super::with_table("data", &self.data, params);
        super::with_tools(self.kit.language(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.base.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("scalar rewards, seed {}", self.seed)
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.params.pairs) * f64::from(self.params.epochs);
        Cost {
            work,
            unit: "pairs",
            default_rate: 1500.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let base = self.base.ok_or(StageError::Missing {
            stage: "scalar",
            needs: "base",
        })?;
        let parameters = read_weights(cx.input(base)?)?;
        let threads = cx.threads();
        let mut learner =
            Learner::new(parameters, Scope::Language, AdamWConfig::default(), threads)
                .map_err(failed)?;
        let read = self.videos()?;
        let bank = FrameBank::default();
        look(&learner, &bank, &read, threads)?;
        let pairs = read.len() / 2;
        let config = SftConfig {
            epochs: u64::from(self.params.epochs),
            batch: self.params.batch as usize,
            schedule: Schedule {
                peak: self.params.lr as f32,
                warmup: 10,
                floor: self.params.final_lr as f32,
                decay: Decay::Cosine,
            },
        };
        let total = config.steps(pairs);
        let ties = self.params.theta;
        steps::run(cx, &mut learner, total, &mut (), |learner, (), step| {
            let members = config.members(step, pairs, self.seed);
            let both = members
                .iter()
                .flat_map(|&i| [&read[2 * i], &read[2 * i + 1]]);
            let (shown, sequences): (Vec<&PreferencePair>, Vec<&Sequence>) =
                both.map(|(pair, sequence)| (pair, sequence)).unzip();
            let each = 1.0 / (members.len() * REWARDS) as f64;
            let loss = |shard: ShardTokens<'_>| {
                let mut sums = Sums::default();
                let mut slopes = Vec::with_capacity(shard.logp.len());
                let videos = shard.members.chunks_exact(2);
                for (video, logp) in videos.zip(shard.logp.chunks_exact(4 * REWARDS)) {
                    let (first, second) = logp.split_at(2 * REWARDS);
                    let rewards = [first, second].map(reward_head::of_logps);
                    let labels = shown[video[0]].truth.map(|truth| truth.dimensions);
                    let mut by_margin = [0.0; REWARDS];
                    for d in 0..REWARDS {
                        let margin = rewards[0][d] - rewards[1][d];
                        let label = labels.map_or(Preference::Tie, |labels| labels[d]);
                        let (value, slope) = ties.loss(margin, label);
                        sums.loss += each * value;
                        by_margin[d] = each * slope;
                        if label != Preference::Tie {
                            sums.decided += 1;
                            let first = label == Preference::First;
                            sums.right += u32::from((margin > 0.0) == first && margin != 0.0);
                        }
                    }
                    for sign in [1.0, -1.0] {
                        let poles = by_margin.iter().flat_map(|slope| [*slope, -slope]);
                        slopes.extend(poles.map(|slope| (sign * slope) as f32));
                    }
                }
                (sums, slopes)
            };
            let done = learner
                .step_in_groups(
                    &sequences,
                    2,
                    &Sight::Bank(&bank),
                    1.0,
                    config.schedule.at(step, total),
                    &loss,
                )
                .map_err(failed)?;
            let sum = |of: fn(&Sums) -> u32| done.logged.iter().map(of).sum::<u32>();
            let metrics = Metrics {
                loss: done.logged.iter().map(|sums| sums.loss).sum(),
                norm: done.norm,
                right: f64::from(sum(|s| s.right)) / f64::from(sum(|s| s.decided).max(1)),
            };
            Ok(Done {
                remark: format!(
                    "loss {:.3}, right {:.1} %",
                    metrics.loss,
                    100.0 * metrics.right
                ),
                metrics,
            })
        })
    }
}

impl<K: Kit> Scalar<K> {
    /// Video 1 and video 2 of each training pair, one after the other.
    fn videos(&self) -> Result<Vec<(PreferencePair, Sequence)>, StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let head = RewardHead::new(&vocabulary, self.input.per_video).map_err(failed)?;
        let training = TrainingPairs::new(&world, Training::ColdStart, self.seed, &self.data);
        let mut read = Vec::with_capacity(2 * self.params.pairs as usize);
        for number in 0..self.params.pairs {
            let pair = training.pair(number);
            for side in Side::BOTH {
                let sequence = head.sequence(&pair, side).map_err(failed)?;
                read.push((pair.clone(), sequence));
            }
        }
        Ok(read)
    }
}
