//! In: a policy. Out: what it does on a fixed small draw of held-out pairs, as trace records with pictures.
//!
//! For people to look at: greedy episodes, and for some of the same pairs a group of samples with its rewards and
//! advantages, as GRPO would see it. The pairs are the design split's: looking is choosing.

use std::sync::Arc;

use dfdx::prelude::Cpu;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::objective::{Objective, VrThinker};
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{FrameBank, Sampling, TinyPolicy};
use vrt_core::reward::{Group, Judged};
use vrt_core::rollout::{Rollout, Sample};
use vrt_core::trace::TRACE_VERSION;
use vrt_train::advantage::of_groups;
use vrt_view::{Advantage, Context, Pictures, RewardRecord, TraceRecord, jsonl};

use super::control::{OracleChooser, episodes};
use super::eval::unlabelled;
use super::params::{ArmParams, EvalParams, GrpoParams, InputParams};
use super::steps::{failed, read_weights};
use super::{ChainError, Link, Maker, chain};
use crate::graph::Graph;
use crate::kit::{Kit, with_kit};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::{Length, Split};

/// The file of records in the stage's entry.
pub const FILE: &str = "traces.jsonl";

/// The stage's kind.
pub const KIND: &str = "traces";

/// Frames of each video that are kept so that its course can be seen.
const STRIP: u32 = 24;

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracesParams {
    /// What the records say of where they come from: `fig3 / full`.
    pub source: String,
    /// Pairs judged greedily, spread over the splits.
    pub pairs: u32,
    /// Of these, the first pairs for which a group is sampled as well.
    pub groups: u32,
}

/// The tracing of a policy.
pub struct Traces<K> {
    world: WorldConfig,
    kit: K,
    params: TracesParams,
    eval: EvalParams,
    input: InputParams,
    grpo: GrpoParams,
    seed: u64,
    policy: Option<StageId>,
}

/// Makes the stage behind an arm's policy.
pub fn make(link: &Link, params: TracesParams) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Traces::new(link, kit, params)))
}

/// Adds a chain and the tracing of its policy in place of the judging that it ends with; the tracing's identity.
///
/// # Errors
/// [`ChainError`] when a name is unknown or nothing stands before the judging.
pub fn traced(
    makers: &[(&str, Maker)],
    policy: &[&str],
    graph: &mut Graph,
    arm: &ArmParams,
    seed: u64,
    params: TracesParams,
) -> Result<StageId, ChainError> {
    let link = Link {
        params: arm,
        seed,
        previous: Some(chain(makers, policy, graph, arm, seed)?),
    };
    Ok(graph.add(make(&link, params))?)
}

impl<K: Kit> Traces<K> {
    /// The stage behind a policy with these tools.
    pub fn new(link: &Link, kit: K, params: TracesParams) -> Self {
        let ArmParams {
            world,
            eval,
            input,
            grpo,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params,
            eval,
            input,
            grpo,
            seed: link.seed,
            policy: link.previous,
        }
    }

    /// The first pairs of every split in turn, and which split each is of.
    fn draw(&self, world: &World) -> (Vec<PreferencePair>, Vec<Length>) {
        let splits = &self.eval.splits;
        let places = (0..self.params.pairs).zip(splits.iter().cycle());
        let count = splits.len().max(1) as u32;
        places
            .map(|(place, &length)| {
                let key = Split::Design(length).key(place / count);
                (world.pair(key), length)
            })
            .unzip()
    }

    fn source(&self, length: Length, how: &str) -> String {
        format!("{} / {} / {how}", self.params.source, length.name())
    }
}

impl<K: Kit> Stage for Traces<K> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let EvalParams { splits, frames, .. } = &self.eval;
        let GrpoParams {
            group,
            temperature,
            objective,
            ..
        } = &self.grpo;
        super::with_tools(
            self.kit.identity(),
            serde_json::json!({
                "format": TRACE_VERSION,
                "world": self.world,
                "traces": self.params,
                "eval": { "splits": splits, "frames": frames, "rules": self.eval.rules(&self.input) },
                "grpo": { "group": group, "temperature": temperature, "objective": objective },
                "seed": self.seed,
            }),
        )
    }

    fn inputs(&self) -> Vec<StageId> {
        self.policy.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("traces of {}, seed {}", self.params.source, self.seed)
    }

    fn estimate(&self) -> Cost {
        let samples = self.params.groups * self.grpo.group;
        Cost {
            work: f64::from(self.params.pairs + samples),
            unit: "episodes",
            default_rate: 150.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let policy = self.policy.ok_or(StageError::Missing {
            stage: KIND,
            needs: "base",
        })?;
        let mut model = Tiny::new(&Cpu::default(), 0);
        model
            .load_flat(&read_weights(cx.input(policy)?)?)
            .map_err(failed)?;
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let objective: VrThinker = self.grpo.objective()?;
        let (pairs, splits) = self.draw(&world);
        let oracle = OracleChooser::new(&world, &vocabulary);
        let bank = FrameBank::default();
        let (rules, threads) = (self.eval.rules(&self.input), cx.threads());
        let drawn = |pairs: &[PreferencePair], samples, temperature| {
            let sampling = Sampling {
                temperature,
                seed: self.seed,
                step: 0,
                max_tokens: super::MAX_TOKENS,
            };
            let judge = TinyPolicy::new(&model, &vocabulary, &bank, sampling).map_err(failed)?;
            let frames = self.eval.frames;
            episodes::<K::Ops>(judge, frames, &oracle, pairs, samples, &rules, threads)
        };
        cx.progress().start(2, 0);
        let greedy = drawn(&pairs[..self.params.pairs as usize], 1, 0.0)?;
        cx.progress().advance(1);
        cx.check()?;
        let grouped = &pairs[..self.params.groups as usize];
        let temperature = self.grpo.temperature as f32;
        let sampled = drawn(grouped, self.grpo.group, temperature)?;
        let mut records = Vec::new();
        for rollout in &greedy {
            let pair = &pairs[rollout.pair];
            let source = self.source(splits[rollout.pair], "greedy");
            for sample in &rollout.samples {
                records.push(record(sample, pair, &rules, &source, None, true)?);
            }
        }
        for rollout in &sampled {
            let pair = &pairs[rollout.pair];
            let source = self.source(splits[rollout.pair], &format!("T = {temperature}"));
            let rewards = rewards(&objective, rollout, pair)?;
            for (sample, reward) in rollout.samples.iter().zip(rewards) {
                // The greedy episode of the pair has it already.
                records.push(record(sample, pair, &rules, &source, Some(reward), false)?);
            }
        }
        let lines = jsonl::write(&records);
        Ok(vrt_train::atomic::write(
            &cx.out().join(FILE),
            lines.as_bytes(),
        )?)
    }
}

/// `strip`: whether this record carries the videos' course for all traces of its pair.
fn record(
    sample: &Sample,
    pair: &PreferencePair,
    rules: &Rules,
    source: &str,
    reward: Option<RewardRecord>,
    strip: bool,
) -> Result<TraceRecord, StageError> {
    let pictures = if strip {
        Pictures::Strips { per_video: STRIP }
    } else {
        Pictures::Shown
    };
    let context = Context {
        source,
        reward,
        pictures,
        ..Context::default()
    };
    TraceRecord::new(&sample.episode, pair, rules, context).map_err(failed)
}

/// A group's rewards and advantages, one a sample.
fn rewards(
    objective: &VrThinker,
    rollout: &Rollout,
    pair: &PreferencePair,
) -> Result<Vec<RewardRecord>, StageError> {
    let truth = pair.truth.ok_or_else(|| unlabelled(pair))?;
    let judged: Vec<Judged> = (rollout.samples.iter())
        .map(|sample| sample.episode.judged(truth))
        .collect();
    let sheets = [objective.score(&Group { samples: &judged })];
    let advantages = of_groups(&sheets, &[], &objective.advantage());
    let group = sheets.iter().zip(&advantages);
    Ok(group
        .flat_map(|(sheet, advantages)| {
            let each = sheet.samples.iter().enumerate();
            each.map(|(number, reward)| {
                let advantage = Advantage {
                    value: advantages.values[number],
                    shares: &advantages.shares[number],
                };
                RewardRecord::new(reward, Some(advantage))
            })
        })
        .collect())
}
