//! In: a policy. Out: its judgments of held-out pairs, one line each.

use std::collections::BTreeMap;
use std::sync::Arc;

use dfdx::prelude::Cpu;
use serde_json::Value;
use vrt_core::episode::{Episode, StopReason};
use vrt_core::model::Tiny;
use vrt_core::pair::{Preference, PreferencePair, Verdict};
use vrt_core::policy::{FrameBank, Sampling, TinyPolicy};

use super::Link;
use super::control::{OracleChooser, episodes};
use super::params::{ArmParams, Decode, EvalParams, InputParams};
use super::steps::{failed, read_kept, read_weights};
use crate::kit::{Kit, with_kit};
use crate::run::JUDGMENTS;
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::stats::Row;
use crate::world::World;
use crate::world::config::WorldConfig;

/// Pairs judged between two looks at the stop request.
const DRAW: usize = 512;

/// The judging of held-out pairs.
pub struct Eval<K> {
    world: WorldConfig,
    kit: K,
    params: EvalParams,
    input: InputParams,
    seed: u64,
    policy: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Eval::new(link, kit)))
}

impl<K: Kit> Eval<K> {
    /// The stage of a chain, with these tools.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world, eval, input, ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: eval,
            input,
            seed: link.seed,
            policy: link.previous,
        }
    }
}

impl<K: Kit> Stage for Eval<K> {
    fn kind(&self) -> &'static str {
        "eval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        // A greedy judge draws nothing: its judgments are the same for every seed.
        let seed = (self.params.decode == Decode::Sampled).then_some(self.seed);
        let params = serde_json::json!({ "world": self.world, "eval": self.params, "seed": seed });
        let params = super::with_table("input", &self.input, params);
        super::with_tools(self.kit.identity(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.policy.into_iter().collect()
    }

    fn title(&self) -> String {
        let EvalParams {
            frames,
            decode,
            window,
            step,
            ..
        } = &self.params;
        let after = step.map_or_else(String::new, |step| format!(", after step {step}"));
        format!(
            "judging, {frames:?} frames, p = {}, {decode:?}{after}",
            window.width
        )
        .to_lowercase()
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: self.params.judgments(),
            unit: "episodes",
            default_rate: 500.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let policy = self.policy.ok_or(StageError::Missing {
            stage: "eval",
            needs: "base",
        })?;
        let entry = cx.input(policy)?;
        let weights = match self.params.step {
            Some(step) => read_kept(entry, step)?,
            None => read_weights(entry)?,
        };
        let mut model = Tiny::new(&Cpu::default(), 0);
        model.load_flat(&weights).map_err(failed)?;
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let population = self.params.population(&world).map_err(failed)?;
        let temperature = match self.params.decode {
            Decode::Greedy => 0.0,
            Decode::Sampled => self.params.temperature as f32,
        };
        let sampling = Sampling {
            temperature,
            seed: self.seed,
            step: 0,
            max_tokens: super::MAX_TOKENS,
        };
        let rules = self.params.rules(&self.input);
        let oracle = OracleChooser::new(&world, &vocabulary);
        let pairs: usize = population.iter().map(|asked| asked.keys.len()).sum();
        cx.progress().start(pairs as u64, 0);
        let mut lines = Vec::new();
        let draws = population
            .iter()
            .flat_map(|asked| asked.keys.chunks(DRAW).map(move |draw| (asked, draw)));
        for (asked, draw) in draws {
            cx.check()?;
            let bank = FrameBank::default();
            let judge = TinyPolicy::new(&model, &vocabulary, &bank, sampling).map_err(failed)?;
            let pairs: Vec<PreferencePair> =
                draw.iter().map(|&key| asked.pair(&world, key)).collect();
            let frames = self.params.frames;
            let threads = cx.threads();
            let rollouts = episodes::<K::Ops>(judge, frames, &oracle, &pairs, 1, &rules, threads)?;
            for rollout in rollouts {
                let pair = &pairs[rollout.pair];
                for sample in &rollout.samples {
                    let tools = self.kit.identity().is_some();
                    let row = row(pair, &asked.split, &sample.episode, tools)?;
                    serde_json::to_writer(&mut lines, &row).map_err(failed)?;
                    lines.push(b'\n');
                }
            }
            cx.progress().advance(draw.len() as u64);
        }
        Ok(vrt_train::atomic::write(&cx.out().join(JUDGMENTS), &lines)?)
    }
}

/// `tools` is whether more than the paper's tool is offered.
fn row(
    pair: &PreferencePair,
    split: &str,
    episode: &Episode,
    tools: bool,
) -> Result<Row, StageError> {
    let truth = pair.truth.ok_or_else(|| unlabelled(pair))?;
    let units = episode.rounds.len() as u32;
    let mut by_tool = BTreeMap::new();
    let calls = episode.rounds.iter().flat_map(|round| &round.calls);
    for call in calls.filter(|_| tools) {
        *by_tool.entry(call.op.to_owned()).or_default() += 1;
    }
    Ok(Row {
        pair: pair.key.0,
        split: split.to_owned(),
        truth: digits(&truth),
        answer: episode.answer().map(|answer| digits(&answer.verdict)),
        calls: episode.calls(),
        stop: episode
            .stop
            .as_ref()
            .map_or("running", StopReason::name)
            .to_owned(),
        tokens: episode.tokens(),
        units: (units != episode.calls() + 1).then_some(units),
        by_tool,
        visual_tokens: tools.then(|| episode.outcomes().map(|outcome| outcome.cost(1)).sum()),
        untied: None,
    })
}

/// A held-out pair has no ground truth.
#[derive(Debug, thiserror::Error)]
#[error("pair {0} has no ground truth")]
struct Unlabelled(u64);

/// The failure of a judge at a pair whose truth it needs.
pub(super) fn unlabelled(pair: &PreferencePair) -> StageError {
    failed(Unlabelled(pair.key.0))
}

/// TA, VQ, MQ, OA as the digits of a row.
pub fn digits(verdict: &Verdict) -> [u8; 4] {
    let [ta, vq, mq] = verdict.dimensions.map(Preference::digit);
    [ta, vq, mq, verdict.overall.digit()]
}
