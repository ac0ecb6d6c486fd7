//! In: a policy. Out: the policy after GRPO with the paper's objective.
//!
//! Stage 3 of the paper.

use std::marker::PhantomData;
use std::sync::Arc;

use dfdx::prelude::Cpu;
use serde_json::Value;
use vrt_core::model::Tiny;
use vrt_core::objective::{Objective, ObjectiveError, VrThinker};
use vrt_core::policy::FrameBank;
use vrt_train::grpo::{self, GrpoConfig, Task};
use vrt_train::learner::{Learner, Scope, TinyActor};
use vrt_train::optim::{AdamWConfig, Decay, Schedule};

use super::Link;
use super::data::TrainingPairs;
use super::params::{ArmParams, DataParams, GrpoParams, InputParams};
use super::steps::{self, Done, Keeper, failed, read_weights};
use crate::kit::{Kit, with_kit};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::Training;

/// Stage 3.
pub struct Grpo<K, B> {
    world: WorldConfig,
    kit: K,
    params: GrpoParams,
    input: InputParams,
    data: DataParams,
    seed: u64,
    policy: Option<StageId>,
    objective: PhantomData<fn() -> B>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Grpo::<_, VrThinker>::new(link, kit)))
}

impl<K: Kit, B: Objective> Grpo<K, B> {
    /// The stage of a chain, with these tools and this objective.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            grpo,
            input,
            data,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: grpo,
            input,
            data,
            seed: link.seed,
            policy: link.previous,
            objective: PhantomData,
        }
    }
}

impl GrpoParams {
    /// The objective with this table's differences, checked.
    ///
    /// # Errors
    /// [`StageError::Failed`] for an unknown key, a number outside its range, or a requirement that is neither met nor
    /// waived.
    pub fn objective<B: Objective>(&self) -> Result<B, StageError> {
        let objective: B = self.objective.clone().try_into().map_err(failed)?;
        self.allows(&objective).map_err(failed)?;
        Ok(objective)
    }

    /// Whether the objective holds what it declares of itself, but for what is waived.
    ///
    /// # Errors
    /// [`ObjectiveError`]
    pub fn allows<B: Objective>(&self, objective: &B) -> Result<(), ObjectiveError> {
        let waived: Vec<&str> = self.waive.iter().map(String::as_str).collect();
        objective.validate_but(&waived)
    }

    fn config(&self) -> GrpoConfig {
        GrpoConfig {
            steps: u64::from(self.steps),
            groups: self.prompts as usize,
            samples: self.group,
            draws: self.draws,
            epochs: u64::from(self.inner_epochs),
            batch: self.batch as usize,
            temperature: self.temperature as f32,
            max_tokens: self.max_tokens,
            schedule: Schedule {
                peak: self.lr as f32,
                warmup: u64::from(self.warmup),
                floor: self.final_lr as f32,
                decay: Decay::Linear,
            },
        }
    }
}

impl<K: Kit, B: Objective + 'static> Stage for Grpo<K, B> {
    fn kind(&self) -> &'static str {
        "grpo"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let mut params =
            serde_json::json!({ "world": self.world, "grpo": self.params, "seed": self.seed });
        if let (false, Value::Object(map)) = (B::NAME == VrThinker::NAME, &mut params) {
            map.insert("objective".to_owned(), B::NAME.into());
        }
        let params = super::with_table("input", &self.input, params);
        let params = super::with_table("data", &self.data, params);
        super::with_tools(self.kit.identity(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.policy.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("GRPO, seed {}", self.seed)
    }

    fn estimate(&self) -> Cost {
        let GrpoParams {
            steps,
            prompts,
            group,
            ..
        } = self.params;
        let work = f64::from(steps) * f64::from(prompts) * f64::from(group);
        Cost {
            work,
            unit: "learned episodes",
            default_rate: 250.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let policy = self.policy.ok_or(StageError::Missing {
            stage: "grpo",
            needs: "base",
        })?;
        let parameters = read_weights(cx.input(policy)?)?;
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let objective = self.params.objective::<B>()?;
        let mut reference = Tiny::new(&Cpu::default(), 0);
        reference.load_flat(&parameters).map_err(failed)?;
        let scope = if self.params.freeze_reading {
            Scope::Blocks
        } else {
            Scope::Language
        };
        let adam = AdamWConfig {
            betas: self.params.betas.map(|beta| beta as f32),
            weight_decay: 0.0,
            ..AdamWConfig::default()
        };
        let mut learner = Learner::new(parameters, scope, adam, cx.threads()).map_err(failed)?;
        let training = TrainingPairs::new(&world, Training::Grpo, self.seed, &self.data);
        let pairs = |number: u64| training.pair(number as u32);
        let config = self.params.config();
        let task = Task {
            config,
            objective: &objective,
            rules: self.input.rules(),
            pairs: &pairs,
            seed: self.seed,
        };
        let bank = FrameBank::default();
        let keeper = Keeper::new(cx, self.params.kept());
        steps::run(
            cx,
            &mut learner,
            config.steps,
            &mut 0u64,
            |learner, cursor, step| {
                let mut actor = TinyActor::new(learner, &vocabulary, &bank, &reference);
                let metrics = grpo::step::<K::Ops, _, _>(&mut actor, &task, step, cursor);
                let metrics = metrics.map_err(failed)?;
                keeper.keep(learner, step + 1)?;
                let remark = format!(
                    "reward {:.3}, right {:.1} %, calls {:.2}",
                    metrics.reward,
                    100.0 * metrics.overall,
                    metrics.calls
                );
                Ok(Done { metrics, remark })
            },
        )?;
        Ok(keeper.finish(cx)?)
    }
}
