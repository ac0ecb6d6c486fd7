//! In: the tower, and a corpus of reports. Out: the base: it reads what is visible and answers.
//!
//! Stage 0b: the base plays the pretrained vision-language model. Frames after the first ones are shown by the
//! environment; nothing in the corpus calls a tool.

use std::sync::Arc;

use serde_json::Value;
use vrt_core::model::ParamSpec;
use vrt_core::pair::{PairKey, PreferencePair};
use vrt_core::policy::FrameBank;
use vrt_core::sequence::Sequence;
use vrt_core::shard;
use vrt_core::tokenizer::{Piece, Vocabulary};
use vrt_core::view::View;
use vrt_train::learn::LearnError;
use vrt_train::learner::{Learner, Scope, Seeing, Sight};
use vrt_train::optim::{AdamWConfig, Decay, Schedule};
use vrt_train::sft;

use super::Link;
use super::params::{ArmParams, BaseParams};
use super::steps::{self, Done, failed, read_weights};
use super::tower::NAMED_IN;
use crate::kit::{Kit, with_kit};
use crate::language::Writer;
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::corpus::corpus_item;
use crate::world::split::{Split, Training};

/// Stage 0b.
pub struct Base<K> {
    world: WorldConfig,
    kit: K,
    params: BaseParams,
    tower: Option<StageId>,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> Arc<dyn Stage> {
    with_kit!(link.params.tools, kit => Arc::new(Base::new(link, kit)))
}

impl<K: Kit> Base<K> {
    /// The stage of a chain, with these tools.
    pub fn new(link: &Link, kit: K) -> Self {
        let ArmParams { world, base, .. } = link.params.clone();
        Self {
            world,
            kit,
            params: base,
            tower: link.previous,
        }
    }
}

impl<K: Kit> Stage for Base<K> {
    fn kind(&self) -> &'static str {
        "base"
    }

    fn version(&self) -> u32 {
        2
    }

    fn params(&self) -> Value {
        super::with_tools(
            self.kit.language(),
            serde_json::json!({ "world": self.world, "base": self.params }),
        )
    }

    fn inputs(&self) -> Vec<StageId> {
        self.tower.into_iter().collect()
    }

    fn title(&self) -> String {
        "base".to_owned()
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: f64::from(self.params.traces),
            unit: "traces",
            default_rate: 700.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let vocabulary = self.kit.vocabulary().map_err(failed)?;
        let scope = if self.params.train_tower {
            Scope::All
        } else {
            Scope::Language
        };
        let config = AdamWConfig {
            betas: self.params.betas.map(|beta| beta as f32),
            weight_decay: self.params.weight_decay as f32,
            ..AdamWConfig::default()
        };
        let mut parameters = match self.tower {
            Some(tower) => read_weights(cx.input(tower)?)?,
            None => vrt_core::model::Tiny::new(&dfdx::prelude::Cpu::default(), self.params.seed)
                .to_flat(),
        };
        let layout = vrt_core::model::Tiny::new(&dfdx::prelude::Cpu::default(), 0).layout();
        name_frames(&vocabulary, &layout, &mut parameters);
        let mut learner = Learner::new(parameters, scope, config, cx.threads()).map_err(failed)?;
        let batch = self.params.batch;
        let total = u64::from(self.params.traces / batch);
        let schedule = Schedule {
            peak: self.params.lr as f32,
            warmup: 50,
            floor: self.params.final_lr as f32,
            decay: Decay::Cosine,
        };
        let bank = FrameBank::default();
        let patches = |pair: PairKey, view: View| -> Result<Vec<f32>, LearnError> {
            let shown = |why: String| LearnError::Frame { pair, view, why };
            let pixels = world
                .pair(pair)
                .view(view)
                .map_err(|error| shown(error.to_string()))?;
            Ok(vrt_core::model::patches::patchify(
                &vrt_core::model::Tiny::CONFIG.vision,
                &pixels,
            )?)
        };
        let threads = cx.threads();
        steps::run(cx, &mut learner, total, &mut (), |learner, (), step| {
            let examples = shard::in_order(batch as usize, threads, |i| {
                let key = Split::Train(Training::Base).key(step as u32 * batch + i as u32);
                example(&world, &vocabulary, key)
            });
            let (pairs, sequences): (Vec<PreferencePair>, Vec<Sequence>) = examples
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .unzip();
            let sight = if self.params.train_tower {
                Sight::Patches(&patches)
            } else {
                bank.clear();
                let tower = learner.model.encoder().map_err(failed)?;
                shard::in_order(pairs.len(), threads, |i| {
                    let wanted: Vec<_> =
                        sequences[i].views().map(|view| (&pairs[i], view)).collect();
                    bank.look(&tower, &wanted).map(drop)
                })
                .into_iter()
                .collect::<Result<(), _>>()
                .map_err(failed)?;
                Sight::Bank(&bank)
            };
            let members: Vec<&Sequence> = sequences.iter().collect();
            let rate = schedule.at(step, total);
            let done = sft::step(&mut Seeing { learner, sight }, &members, rate).map_err(failed)?;
            Ok(Done {
                remark: format!("loss {:.3}", done.loss),
                metrics: done,
            })
        })
    }
}

fn example(
    world: &World,
    vocabulary: &Vocabulary,
    key: PairKey,
) -> Result<(PreferencePair, Sequence), StageError> {
    let pair = world.pair(key);
    let sequence = Writer::new(vocabulary)
        .corpus(&pair, &corpus_item(world, key))
        .map_err(failed)?;
    Ok((pair, sequence))
}

/// Lets the names of frames and offsets start as sines and cosines of what they count: neighbours are alike,
/// and a distance is the same everywhere. Each side's frames get a direction of their own.
fn name_frames(vocabulary: &Vocabulary, layout: &[ParamSpec], parameters: &mut [f32]) {
    const AMPLITUDE: f32 = 0.4;
    let Some(embedding) = layout
        .iter()
        .find(|spec| spec.name == "model.embed_tokens.weight")
    else {
        return;
    };
    let width = embedding.shape[1];
    for (id, piece) in vocabulary.iter() {
        let (count, side) = match piece {
            Piece::Frame(side, offset) => (offset.0 as f32, Some(*side)),
            Piece::Offset(offset) => (f32::from(*offset), None),
            _ => continue,
        };
        let row = embedding.offset + id as usize * width;
        for (i, pair) in parameters[row..row + NAMED_IN]
            .chunks_exact_mut(2)
            .enumerate()
        {
            // Wavelengths from 3 to 300 frames, evenly on a log scale.
            let wavelength = 3.0 * 100f32.powf(2.0 * i as f32 / NAMED_IN as f32);
            let angle = std::f32::consts::TAU * count / wavelength;
            let lean = side.map_or(0.0, |side| if side as usize == i % 2 { 0.5 } else { -0.5 });
            pair[0] = AMPLITUDE * (angle.sin() + lean);
            pair[1] = AMPLITUDE * (angle.cos() + lean);
        }
    }
}
