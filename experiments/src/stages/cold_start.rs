//! In: the base and the teacher's traces. Out: a policy that calls the tool, in format, and chooses badly.
//!
//! Stage 1 of the paper. Traces are kept if they are in format and their overall judgment is right.

use std::sync::Arc;

use serde_json::Value;
use vrt_core::episode::Rules;
use vrt_core::pair::PreferencePair;
use vrt_core::rollout::rollout;
use vrt_core::sequence::Sequence;

use super::Link;
use super::data::TrainingPairs;
use super::params::{ArmParams, ColdStartParams, DataParams};
use super::steps::{failed, read_weights};
use super::supervised::{Passes, fine_tune};
use crate::kit::{Kit, with_kit};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::teacher::Teacher;
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::Training;

/// Pairs that the teacher judges at a time.
const DRAW: u32 = 512;

/// Stage 1.
pub struct ColdStart<K> {
    world: WorldConfig,
    kit: K,
    params: ColdStartParams,
    data: DataParams,
    seed: u64,
    base: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(ColdStart::new(link, kit)))
}

impl<K: Kit> ColdStart<K> {
    /// The stage of a chain, with these tools.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            cold_start,
            data,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: cold_start,
            data,
            seed: link.seed,
            base: link.previous,
        }
    }
}

impl<K: Kit> Stage for ColdStart<K> {
    fn kind(&self) -> &'static str {
        "cold_start"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let params = serde_json::json!({ "world": self.world, "cold_start": self.params, "seed": self.seed });
        let params = super::with_table("data", &self.data, params);
        super::with_tools(self.kit.identity(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.base.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("cold start, seed {}", self.seed)
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.params.traces) * f64::from(self.params.epochs);
        Cost {
            work,
            unit: "traces",
            default_rate: 1200.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let base = self.base.ok_or(StageError::Missing {
            stage: "cold_start",
            needs: "base",
        })?;
        let parameters = read_weights(cx.input(base)?)?;
        let traces = self.traces(cx)?;
        let ColdStartParams {
            epochs,
            batch,
            lr,
            final_lr,
            ..
        } = self.params;
        fine_tune(
            cx,
            parameters,
            &traces,
            &Passes {
                epochs,
                batch,
                lr,
                final_lr,
            },
            self.seed,
        )
    }
}

impl<K: Kit> ColdStart<K> {
    /// The first traces of the teacher that are in format and right overall; each seed has pairs of its own.
    fn traces(&self, cx: &StageContext) -> Result<Vec<(PreferencePair, Sequence)>, StageError> {
        self.params.teacher.validate().map_err(failed)?;
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let teacher = Teacher::new(&world, &self.params.teacher, &vocabulary).with(&self.kit);
        let wanted = self.params.traces as usize;
        let mut kept = Vec::with_capacity(wanted);
        let training = TrainingPairs::new(&world, Training::ColdStart, self.seed, &self.data);
        let mut number = 0;
        while kept.len() < wanted {
            cx.check()?;
            let pairs: Vec<PreferencePair> =
                (number..number + DRAW).map(|i| training.pair(i)).collect();
            number += DRAW;
            let rules = Rules::default();
            let (rollouts, _) =
                rollout::<K::Ops, _>(&teacher, &pairs, 1, &rules, cx.threads()).map_err(failed)?;
            for rollout in rollouts {
                let pair = &pairs[rollout.pair];
                for sample in rollout.samples {
                    let truth = pair.truth.map(|truth| truth.overall);
                    let right =
                        sample.episode.answer().map(|answer| answer.verdict.overall) == truth;
                    if let (true, Some(sequence)) = (right, sample.sequence) {
                        kept.push((pair.clone(), sequence));
                    }
                }
            }
        }
        kept.truncate(wanted);
        Ok(kept)
    }
}
