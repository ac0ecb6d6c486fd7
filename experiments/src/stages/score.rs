//! In: a model of scalar rewards. Out: its judgments of held-out pairs, one line each.
//!
//! VideoAlign's metric: a preference is the margin of both videos' rewards, overall their sum over dimensions; ties are
//! called by the threshold that suits a split best, see [`crate::ties`].

use std::sync::Arc;

use dfdx::prelude::Cpu;
use serde_json::Value;
use vrt_core::model::Tiny;
use vrt_core::model::decode::{Cache, Engine, Feed, NewRow};
use vrt_core::pair::{Preference, PreferencePair, Side, Verdict};
use vrt_core::policy::FrameBank;
use vrt_core::sequence::{Input, Sequence};
use vrt_core::shard;
use vrt_core::view::View;

use super::Link;
use super::eval::{digits, unlabelled};
use super::params::{ArmParams, EvalParams, InputParams, ScoreParams};
use super::steps::{failed, read_weights};
use crate::kit::{Kit, with_kit};
use crate::reward_head::{self, REWARDS, RewardHead};
use crate::run::JUDGMENTS;
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::stats::Row;
use crate::ties::{calibrate, preference};
use crate::world::World;
use crate::world::config::WorldConfig;

/// Pairs read at a time.
const DRAW: usize = 64;

/// The judging of held-out pairs by scalar rewards.
pub struct Score<K> {
    world: WorldConfig,
    kit: K,
    params: ScoreParams,
    eval: EvalParams,
    input: InputParams,
    model: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Score::new(link, kit)))
}

impl<K: Kit> Score<K> {
    /// The stage of a chain; the tools decide on the vocabulary alone.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams {
            world,
            score,
            eval,
            input,
            ..
        } = link.params.clone();
        Self {
            world,
            kit,
            params: score,
            eval,
            input,
            model: link.previous,
        }
    }
}

/// A pair's margins by dimension, and who is better.
struct Margins {
    by_dimension: [f64; REWARDS],
    truth: Verdict,
}

impl Margins {
    fn overall(&self) -> f64 {
        self.by_dimension.iter().sum()
    }
}

impl<K: Kit> Stage for Score<K> {
    fn kind(&self) -> &'static str {
        "score"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        let EvalParams {
            held_out,
            pairs_per_split,
            splits,
            benchmarks,
            conditions,
            per_video,
            ..
        } = &self.eval;
        let params = serde_json::json!({
            "world": self.world,
            "score": self.params,
            "pairs": [
                serde_json::json!(held_out),
                serde_json::json!(pairs_per_split),
                serde_json::json!(splits),
                serde_json::json!(benchmarks),
                serde_json::json!(conditions),
            ],
            "per_video": per_video.unwrap_or(self.input.per_video),
        });
        super::with_tools(self.kit.language(), params)
    }

    fn inputs(&self) -> Vec<StageId> {
        self.model.into_iter().collect()
    }

    fn title(&self) -> String {
        "judging by scalar rewards".to_owned()
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: self.eval.judgments(),
            unit: "pairs",
            default_rate: 2000.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let model = self.model.ok_or(StageError::Missing {
            stage: "score",
            needs: "scalar",
        })?;
        let mut tiny = Tiny::new(&Cpu::default(), 0);
        tiny.load_flat(&read_weights(cx.input(model)?)?)
            .map_err(failed)?;
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let per_video = self.eval.per_video.unwrap_or(self.input.per_video);
        let head = RewardHead::new(&vocabulary, per_video).map_err(failed)?;
        let weights = Arc::new(tiny.decoder_weights().map_err(failed)?);
        let population = self.eval.population(&world).map_err(failed)?;
        let pairs: usize = population.iter().map(|asked| asked.keys.len()).sum();
        cx.progress().start(pairs as u64, 0);
        let mut lines = Vec::new();
        for asked in &population {
            let mut judged = Vec::with_capacity(asked.keys.len());
            for draw in asked.keys.chunks(DRAW * cx.threads()) {
                cx.check()?;
                let chunks: Vec<_> = draw.chunks(DRAW).collect();
                let read = shard::in_order(chunks.len(), cx.threads(), |i| {
                    let shown = chunks[i].iter().map(|&key| asked.pair(&world, key));
                    let shown: Vec<PreferencePair> = shown.collect();
                    margins(&tiny, &mut Engine::new(weights.clone()), head, &shown)
                });
                for part in read {
                    judged.extend(part?);
                }
                cx.progress().advance(draw.len() as u64);
            }
            let dimension = |d: usize| {
                let labelled = judged
                    .iter()
                    .map(|m: &Margins| (m.by_dimension[d], m.truth.dimensions[d]));
                calibrate(&labelled.collect::<Vec<_>>())
            };
            let by_dimension: [f64; REWARDS] = std::array::from_fn(dimension);
            let labelled = judged.iter().map(|m| (m.overall(), m.truth.overall));
            let overall = calibrate(&labelled.collect::<Vec<_>>());
            for (key, margins) in asked.keys.iter().zip(&judged) {
                let answer = Verdict {
                    dimensions: std::array::from_fn(|d| {
                        preference(margins.by_dimension[d], by_dimension[d])
                    }),
                    overall: preference(margins.overall(), overall),
                };
                let untied: Preference = preference(margins.overall(), 0.0);
                let row = Row {
                    untied: self.params.untied.then(|| untied.digit()),
                    ..Row::plain(
                        key.0,
                        asked.split.clone(),
                        digits(&margins.truth),
                        digits(&answer),
                    )
                };
                serde_json::to_writer(&mut lines, &row).map_err(failed)?;
                lines.push(b'\n');
            }
        }
        Ok(vrt_train::atomic::write(&cx.out().join(JUDGMENTS), &lines)?)
    }
}

/// Reads both videos of each pair.
fn margins(
    model: &Tiny,
    engine: &mut Engine,
    head: RewardHead<'_>,
    pairs: &[PreferencePair],
) -> Result<Vec<Margins>, StageError> {
    let rewards = rewards(model, engine, head, pairs)?;
    let mut margins = Vec::with_capacity(pairs.len());
    for (pair, [first, second]) in pairs.iter().zip(rewards) {
        margins.push(Margins {
            by_dimension: std::array::from_fn(|d| first[d] - second[d]),
            truth: pair.truth.ok_or_else(|| unlabelled(pair))?,
        });
    }
    Ok(margins)
}

/// The rewards of both videos of each pair, decoded without a tape.
///
/// # Errors
/// [`StageError::Failed`] for a pair that cannot be shown or spelled.
pub fn rewards(
    model: &Tiny,
    engine: &mut Engine,
    head: RewardHead<'_>,
    pairs: &[PreferencePair],
) -> Result<Vec<[[f64; REWARDS]; 2]>, StageError> {
    let mut read: Vec<(&PreferencePair, Sequence)> = Vec::with_capacity(2 * pairs.len());
    for pair in pairs {
        for side in Side::BOTH {
            read.push((pair, head.sequence(pair, side).map_err(failed)?));
        }
    }
    let bank = FrameBank::default();
    let views = |sequence: &Sequence| sequence.views().collect::<Vec<View>>();
    let wanted: Vec<(&PreferencePair, View)> = read
        .iter()
        .flat_map(|(pair, sequence)| views(sequence).into_iter().map(|view| (*pair, view)))
        .collect();
    let tower = model.encoder().map_err(failed)?;
    let mut tokens = bank.look(&tower, &wanted).map_err(failed)?.into_iter();
    let mut seen = Vec::with_capacity(read.len());
    for (_, sequence) in &read {
        let count = views(sequence).len();
        seen.push(tokens.by_ref().take(count).collect::<Vec<_>>());
    }
    let rows: Vec<Vec<NewRow<'_>>> = read
        .iter()
        .zip(&seen)
        .map(|((_, sequence), seen)| {
            let mut seen = seen.iter();
            let fed = sequence.rows.iter().enumerate();
            fed.filter_map(|(position, row)| {
                let feed = match row.input {
                    Input::Text(token) => Feed::Text(token),
                    Input::View(_, name) => Feed::Named(name, seen.next()?),
                };
                Some(NewRow {
                    feed,
                    position: [position as u32; 3],
                    evidence: row.evidence,
                    oldest: row.oldest,
                })
            })
            .collect()
        })
        .collect();
    let mut caches: Vec<Cache> = rows.iter().map(|_| engine.cache()).collect();
    let mut items: Vec<_> = caches
        .iter_mut()
        .zip(&rows)
        .map(|(cache, rows)| (cache, rows.as_slice()))
        .collect();
    let mut logits = Vec::new();
    if !items.is_empty() {
        engine.forward(&mut items, &mut logits).map_err(failed)?;
    }
    let each: Vec<[f64; REWARDS]> = logits
        .chunks_exact(Tiny::VOCAB)
        .map(reward_head::of_logits)
        .collect();
    Ok(each
        .chunks_exact(2)
        .map(|both| [both[0], both[1]])
        .collect())
}
