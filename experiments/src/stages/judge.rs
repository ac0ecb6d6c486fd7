//! In: the base and labelled pairs. Out: a judge that answers at once, with or without reasoning first.
//!
//! The paper's baselines that see their frames once: UnifiedReward's kind is trained on the ground truth alone,
//! UnifiedReward-Think's kind on traces that say what the frames show before they answer.

use std::sync::Arc;

use serde_json::Value;
use vrt_core::pair::{Judgment, PreferencePair, Verdict};
use vrt_core::rng::{Purpose, stream};
use vrt_core::sequence::Sequence;

use super::Link;
use super::data::TrainingPairs;
use super::params::{ArmParams, DataParams, InputParams, JudgeParams};
use super::steps::{failed, read_weights};
use super::supervised::{Passes, fine_tune};
use crate::kit::{Kit, with_kit};
use crate::language::Writer;
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::facts::PairFacts;
use crate::world::knowledge::Knowledge;
use crate::world::players::{Play, Unit};
use crate::world::report::Report;
use crate::world::split::Training;

/// The supervised training of a judge that makes no calls.
pub struct Judge<K> {
    world: WorldConfig,
    kit: K,
    params: JudgeParams,
    input: InputParams,
    data: DataParams,
    seed: u64,
    base: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Judge::new(link, kit)))
}

impl<K: Kit> Judge<K> {
    /// The stage of a chain; the tools decide on the vocabulary alone.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            judge,
            input,
            data,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: judge,
            input,
            data,
            seed: link.seed,
            base: link.previous,
        }
    }
}

impl<K: Kit> Stage for Judge<K> {
    fn kind(&self) -> &'static str {
        "judge"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let params = serde_json::json!({
            "world": self.world,
            "judge": self.params,
            // A judge makes no calls, whatever is allowed.
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
        let kind = if self.params.reason {
            "reasons, then answers"
        } else {
            "answers"
        };
        let frames = 2 * self.input.per_video;
        format!("judge that {kind}, {frames} frames, seed {}", self.seed)
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.params.traces) * f64::from(self.params.epochs);
        Cost {
            // A trace's cost goes with its rows: about 30 beside its frames.
            work: work * (30.0 + 2.0 * f64::from(self.input.per_video.min(60))) / 40.0,
            unit: "traces",
            default_rate: 1500.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let base = self.base.ok_or(StageError::Missing {
            stage: "judge",
            needs: "base",
        })?;
        let parameters = read_weights(cx.input(base)?)?;
        let traces = self.traces(cx)?;
        let JudgeParams {
            epochs,
            batch,
            lr,
            final_lr,
            ..
        } = self.params;
        let passes = Passes {
            epochs,
            batch,
            lr,
            final_lr,
        };
        fine_tune(cx, parameters, &traces, &passes, self.seed)
    }
}

impl<K: Kit> Judge<K> {
    /// The first traces that may be learned from.
    fn traces(&self, cx: &StageContext) -> Result<Vec<(PreferencePair, Sequence)>, StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let writer = Writer::new(&vocabulary);
        let training = TrainingPairs::new(&world, Training::ColdStart, self.seed, &self.data);
        let wanted = self.params.traces as usize;
        let mut traces = Vec::with_capacity(wanted);
        let mut number = 0;
        while traces.len() < wanted {
            cx.check()?;
            let key = training.key(number);
            number += 1;
            let facts = world.facts(key);
            let unit = if self.params.reason {
                self.reasoned(facts)
            } else {
                Some(plain(facts.truth()))
            };
            if let Some(unit) = unit {
                let play = Play {
                    facts,
                    initial: facts.pool().evenly(self.input.per_video),
                    units: vec![unit],
                };
                let pair = world.pair(key);
                let sequence = writer.play(&pair, &play).map_err(failed)?;
                traces.push((pair, sequence));
            }
        }
        Ok(traces)
    }

    /// What a perfect reader of the frames writes, if it judges right overall: the filter of cold start.
    fn reasoned(&self, facts: PairFacts) -> Option<Unit> {
        let mut rng = stream(super::WORLD_SEED, Purpose::Teacher, 0, facts.key.0, 0);
        let initial = facts.pool().evenly(self.input.per_video);
        let (knowledge, report) =
            Knowledge::new(facts, initial, self.params.estimate_noise, &mut rng);
        let judgment = knowledge.judgment();
        let right = judgment.verdict.overall == facts.truth().overall;
        right.then_some(Unit {
            report,
            judgment,
            ask: None,
        })
    }
}

/// The answer alone.
fn plain(verdict: Verdict) -> Unit {
    Unit {
        report: Report {
            caption: None,
            looked: [false; 2],
            findings: Vec::new(),
            suspects: Vec::new(),
        },
        judgment: Judgment {
            verdict,
            confidence: None,
        },
        ask: None,
    }
}
