//! In: the world. Out: what players of perfect perception judge: what choosing is worth where reading is free.

use std::sync::Arc;

use serde_json::Value;

use super::Link;
use super::eval::digits;
use super::params::{ArmParams, EvalParams, HeldOut, PlayerKind, PlayersParams};
use super::steps::failed;
use crate::run::JUDGMENTS;
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::stats::Row;
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::players::{Player, play};
use crate::world::split::Split;

/// The judging of held-out pairs by a scripted player.
pub struct Players {
    world: WorldConfig,
    params: PlayersParams,
    eval: EvalParams,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    let ArmParams {
        world,
        players,
        eval,
        ..
    } = link.params.clone();
    Arc::new(Players {
        world,
        params: players,
        eval,
    })
}

impl Stage for Players {
    fn kind(&self) -> &'static str {
        "players"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let EvalParams {
            held_out,
            pairs_per_split,
            splits,
            ..
        } = &self.eval;
        serde_json::json!({
            "world": self.world,
            "players": self.params,
            "pairs": [serde_json::json!(held_out), serde_json::json!(pairs_per_split), serde_json::json!(splits)],
        })
    }

    fn inputs(&self) -> Vec<StageId> {
        Vec::new()
    }

    fn title(&self) -> String {
        format!("scripted player: {:?}", self.params.player).to_lowercase()
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.eval.pairs_per_split) * self.eval.splits.len() as f64;
        Cost {
            work,
            unit: "pairs",
            default_rate: 50_000.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        self.params.teacher.validate().map_err(failed)?;
        let player = match self.params.player {
            PlayerKind::NoTool => Player::NoTool {
                per_video: self.params.per_video,
            },
            PlayerKind::Teacher => Player::Teacher(self.params.teacher.clone()),
        };
        let mut lines = Vec::new();
        for &length in &self.eval.splits {
            cx.check()?;
            let split = match self.eval.held_out {
                HeldOut::Design => Split::Design(length),
                HeldOut::Report => Split::Report(length),
            };
            for outcome in play(&world, split.keys(self.eval.pairs_per_split), &player) {
                let row = Row {
                    calls: outcome.calls as u32,
                    ..Row::plain(
                        outcome.key.0,
                        length.name().to_owned(),
                        digits(&outcome.truth),
                        digits(&outcome.judgment.verdict),
                    )
                };
                serde_json::to_writer(&mut lines, &row).map_err(failed)?;
                lines.push(b'\n');
            }
        }
        Ok(vrt_train::atomic::write(&cx.out().join(JUDGMENTS), &lines)?)
    }
}
