//! In: the cold-started policy. Out: the policy fine-tuned on its own right traces.
//!
//! Stage 2 of the paper: several samples a pair, one kept if format and all four judgments are right.

use std::sync::Arc;

use serde_json::Value;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{FrameBank, Sampling, TinyPolicy};
use vrt_core::rollout::rollout;
use vrt_core::sequence::Sequence;
use vrt_train::learner::{Learner, Scope};
use vrt_train::optim::AdamWConfig;
use vrt_train::rejection::{Harvest, keep};

use super::Link;
use super::data::TrainingPairs;
use super::params::{ArmParams, DataParams, InputParams, RftParams};
use super::steps::{failed, read_weights};
use super::supervised::{Passes, fine_tune};
use crate::kit::{Kit, with_kit};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::Training;

/// Pairs sampled at a time.
const DRAW: u32 = 256;

/// Stage 2.
pub struct Rft<K> {
    world: WorldConfig,
    kit: K,
    params: RftParams,
    input: InputParams,
    data: DataParams,
    seed: u64,
    policy: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Rft::new(link, kit)))
}

impl<K: Kit> Rft<K> {
    /// The stage of a chain, with these tools.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            rft,
            input,
            data,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: rft,
            input,
            data,
            seed: link.seed,
            policy: link.previous,
        }
    }
}

impl<K: Kit> Stage for Rft<K> {
    fn kind(&self) -> &'static str {
        "rft"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let params =
            serde_json::json!({ "world": self.world, "rft": self.params, "seed": self.seed });
        let params = super::with_table("input", &self.input, params);
        let params = super::with_table("data", &self.data, params);
        super::with_tools(self.kit.identity(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.policy.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("rejection-sampling fine-tuning, seed {}", self.seed)
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.params.prompts) * f64::from(self.params.samples);
        Cost {
            work,
            unit: "episodes",
            default_rate: 500.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let policy = self.policy.ok_or(StageError::Missing {
            stage: "rft",
            needs: "cold_start",
        })?;
        let parameters = read_weights(cx.input(policy)?)?;
        let (traces, harvest) = self.harvest(cx, parameters.clone())?;
        let text = serde_json::to_vec_pretty(&harvest).map_err(failed)?;
        vrt_train::atomic::write(&cx.out().join("harvest.json"), &text)?;
        let RftParams {
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

impl<K: Kit> Rft<K> {
    fn harvest(
        &self,
        cx: &StageContext,
        parameters: Vec<f32>,
    ) -> Result<(Vec<(PreferencePair, Sequence)>, Harvest), StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let learner = Learner::new(
            parameters,
            Scope::Language,
            AdamWConfig::default(),
            cx.threads(),
        )
        .map_err(failed)?;
        let bank = FrameBank::default();
        let sampling = Sampling {
            temperature: self.params.temperature as f32,
            seed: self.seed,
            step: 0,
            max_tokens: super::MAX_TOKENS,
        };
        let policy =
            TinyPolicy::new(&learner.model, &vocabulary, &bank, sampling).map_err(failed)?;
        let mut kept = Vec::new();
        let mut harvest = Harvest::default();
        cx.progress().start(u64::from(self.params.prompts), 0);
        let training = TrainingPairs::new(&world, Training::Rejection, self.seed, &self.data);
        let rules = self.input.rules();
        let mut done = 0;
        while done < self.params.prompts {
            cx.check()?;
            let draw = DRAW.min(self.params.prompts - done);
            let pairs: Vec<PreferencePair> =
                (done..done + draw).map(|i| training.pair(i)).collect();
            let samples = self.params.samples;
            let (rollouts, _) =
                rollout::<K::Ops, _>(&policy, &pairs, samples, &rules, cx.threads())
                    .map_err(failed)?;
            for rollout in rollouts {
                let pair = &pairs[rollout.pair];
                let Some(truth) = &pair.truth else { continue };
                if let Some(sequence) = keep(rollout, truth, &mut harvest) {
                    kept.push((pair.clone(), sequence));
                }
            }
            bank.clear();
            done += draw;
            cx.progress().set(u64::from(done));
        }
        if kept.is_empty() {
            let why = "no sampled trace was right in everything: train the cold start longer";
            return Err(StageError::Failed(why.into()));
        }
        Ok((kept, harvest))
    }
}
