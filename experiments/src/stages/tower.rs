//! In: single frames with their facts. Out: a vision tower that sees what the reports speak of.
//!
//! Stage 0a: linear heads on the visual token (colour, shape, ghost, block, cues, core, place) train the tower;
//! the heads are thrown away.

use dfdx::prelude::Cpu;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;
use serde_json::Value;
use vrt_core::model::kernels::{matmul_nn, matmul_nt, matmul_tn};
use vrt_core::model::patches::fitted;
use vrt_core::model::{Fused, ParamSpec, Tiny};
use vrt_core::pair::PairKey;
use vrt_core::rng::{self, Purpose};
use vrt_train::learn::SHARDS;
use vrt_train::learn::Step;
use vrt_train::optim::{AdamW, AdamWConfig, Decay, Flat, Schedule, Trained};

use super::Link;
use super::params::{ArmParams, TowerParams};
use super::steps::{WEIGHTS, failed};
use crate::stage::{Cost, Stage, StageContext, StageError, StageId};
use crate::world::World;
use crate::world::config::WorldConfig;
use crate::world::split::{Split, Training};
use crate::world::tower::{Glimpse, HEADS, HeadLoss, TowerTarget, WIDTH};

/// A frame is one row, its name plus its token: names start in the first numbers of a row, and the tower speaks in
/// the others, so that neither drowns the other.
pub const NAMED_IN: usize = 24;

/// Root mean square of what the tower says when it is handed on.
const LOUDNESS: f32 = 0.4;

/// Frames that mean and loudness are measured on.
const SETTLED_ON: u32 = 512;

/// Stage 0a.
pub struct Tower {
    world: WorldConfig,
    params: TowerParams,
}

/// Makes the stage of an arm.
pub fn make(link: &Link) -> std::sync::Arc<dyn Stage> {
    let ArmParams { world, tower, .. } = link.params.clone();
    std::sync::Arc::new(Tower {
        world,
        params: tower,
    })
}

#[derive(Serialize)]
struct Metrics {
    loss: f64,
    norm: f32,
}

impl Stage for Tower {
    fn kind(&self) -> &'static str {
        "tower"
    }

    fn version(&self) -> u32 {
        4
    }

    fn params(&self) -> Value {
        serde_json::json!({ "world": self.world, "tower": self.params })
    }

    fn inputs(&self) -> Vec<StageId> {
        Vec::new()
    }

    fn title(&self) -> String {
        "vision tower".to_owned()
    }

    fn estimate(&self) -> Cost {
        let work = f64::from(self.params.steps) * f64::from(self.params.batch);
        Cost {
            work,
            unit: "frames",
            default_rate: 40_000.0,
        }
    }

    /// Minutes at most: a stop starts it anew, so it keeps no checkpoint.
    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let world = World::new(super::WORLD_SEED, self.world.clone()).map_err(failed)?;
        let mut model = Tiny::new(&Cpu::default(), self.params.seed);
        let layout = model.layout();
        let mut flat = model.to_flat();
        let parameters = flat.len();
        let mut trained: Vec<Trained> = layout
            .iter()
            .filter(|spec| spec.name.starts_with("visual."))
            .map(|spec| Trained {
                range: spec.offset..spec.offset + spec.shape.iter().product::<usize>(),
                decays: spec.shape.len() > 1,
            })
            .collect();
        // The heads follow the model's parameters: a matrix and a bias.
        trained.push(Trained {
            range: parameters..parameters + WIDTH * (Tiny::WIDTH + 1),
            decays: false,
        });
        let mut rng = rng::stream(self.params.seed, Purpose::Init, u64::MAX, 0, 0);
        let spread = 1.0 / (Tiny::WIDTH as f32).sqrt();
        flat.extend((0..WIDTH * Tiny::WIDTH).map(|at| {
            let seen = at % Tiny::WIDTH >= NAMED_IN;
            if seen {
                spread * rng.sample::<f32, _>(StandardNormal)
            } else {
                0.0
            }
        }));
        flat.extend([0.0; WIDTH]);
        let mut optimizer = AdamW::new(AdamWConfig::default(), flat.len());
        let mut gradient = vec![0.0; flat.len()];
        let steps = u64::from(self.params.steps);
        let schedule = Schedule {
            peak: self.params.lr as f32,
            warmup: 20,
            floor: 0.02,
            decay: Decay::Linear,
        };
        cx.progress().start(steps, 0);
        for step in 0..steps {
            cx.check()?;
            let batch = self.params.batch;
            let each = batch.div_ceil(SHARDS as u32);
            let heads = flat[parameters..].to_vec();
            let part = |part| {
                let first = part as u32 * each;
                let numbers = first..batch.min(first + each);
                let keys =
                    numbers.map(|i| Split::Train(Training::Tower).key(step as u32 * batch + i));
                frames_gradient(
                    &world,
                    self.params.drawn,
                    &model,
                    &heads,
                    keys.collect(),
                    1.0 / batch as f32,
                )
                .map(|(loss, gradient)| Some((gradient, loss)))
            };
            let moved = Flat {
                parameters: &mut flat,
                gradient: &mut gradient,
                trained: &trained,
            };
            let rate = schedule.at(step, steps);
            let (norm, losses) = optimizer.step(moved, rate, cx.threads(), SHARDS, part)?;
            let Step { norm, logged } = Step::of(&optimizer, norm, losses).map_err(failed)?;
            let loss = logged.iter().sum::<f64>();
            model.load_flat(&flat[..parameters]).map_err(failed)?;
            cx.metrics().record(step, &Metrics { loss, norm })?;
            cx.progress().message(format!("loss {loss:.3}"));
            cx.progress().set(step + 1);
        }
        flat.truncate(parameters);
        settle(&world, self.params.drawn, &model, &layout, &mut flat)?;
        let path = cx.out().join(WEIGHTS);
        vrt_train::checkpoint::save_weights(&path, &layout, &flat).map_err(failed)
    }
}

/// Moves the tower's last layer so that visual tokens leave [`NAMED_IN`] numbers to the name of their frame and have
/// mean 0 and root mean square [`LOUDNESS`] in the others: the heads do not care.
fn settle(
    world: &World,
    drawn: f64,
    model: &Tiny,
    layout: &[ParamSpec],
    flat: &mut [f32],
) -> Result<(), StageError> {
    let mut patches = Vec::new();
    for key in Split::Train(Training::Tower).keys(SETTLED_ON) {
        let glimpse = Glimpse::of(world, key, drawn).map_err(failed)?;
        let picture = world.pair(key).view(glimpse.view).map_err(failed)?;
        let picture = fitted(picture, Tiny::SIDE).map_err(failed)?;
        patches.extend(model.patchify(&picture).map_err(failed)?);
    }
    let tokens = model
        .visual_rows::<Fused>(&Cpu::default(), &patches)
        .map_err(failed)?;
    let n = SETTLED_ON as f32;
    let mut mean = [0.0f32; Tiny::WIDTH];
    for token in tokens.chunks_exact(Tiny::WIDTH) {
        mean.iter_mut()
            .zip(token)
            .for_each(|(sum, x)| *sum += x / n);
    }
    let squares = tokens
        .chunks_exact(Tiny::WIDTH)
        .flat_map(|token| token.iter().zip(&mean).skip(NAMED_IN));
    let square: f32 = squares.map(|(x, mean)| (x - mean).powi(2)).sum();
    let scale = LOUDNESS / (square / (n * (Tiny::WIDTH - NAMED_IN) as f32)).sqrt();
    // What the tower says of each of the token's numbers is one row of the matrix.
    let loudness = |number: usize| if number < NAMED_IN { 0.0 } else { scale };
    for spec in layout {
        let range = spec.offset..spec.offset + spec.shape.iter().product::<usize>();
        match spec.name.as_str() {
            "visual.merger.mlp.2.weight" => {
                let columns = spec.shape[1];
                for (number, row) in flat[range].chunks_exact_mut(columns).enumerate() {
                    row.iter_mut().for_each(|w| *w *= loudness(number));
                }
            }
            "visual.merger.mlp.2.bias" => {
                for (number, (b, mean)) in flat[range].iter_mut().zip(&mean).enumerate() {
                    *b = (*b - mean) * loudness(number);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Loss of some frames and its gradient by the model's parameters and the heads, in one list.
fn frames_gradient(
    world: &World,
    drawn: f64,
    model: &Tiny,
    heads: &[f32],
    keys: Vec<PairKey>,
    each: f32,
) -> Result<(f64, Vec<f32>), StageError> {
    let n = keys.len();
    let mut patches = Vec::new();
    let mut targets = Vec::with_capacity(n);
    for key in keys {
        let glimpse = Glimpse::of(world, key, drawn).map_err(failed)?;
        let picture = world.pair(key).view(glimpse.view).map_err(failed)?;
        let picture = fitted(picture, Tiny::SIDE).map_err(failed)?;
        patches.extend(model.patchify(&picture).map_err(failed)?);
        targets.push(glimpse.target);
    }
    let (weights, bias) = heads.split_at(WIDTH * Tiny::WIDTH);
    let mut head_gradient = vec![0.0; heads.len()];
    let shard = model
        .visual_gradients::<Fused>(&Cpu::default(), &patches, |visual| {
            let mut out: Vec<f32> = bias.iter().copied().cycle().take(n * WIDTH).collect();
            matmul_nt(&mut out, visual, weights, [n, WIDTH, Tiny::WIDTH], 1.0);
            let mut loss = 0.0;
            for (row, target) in out.chunks_exact_mut(WIDTH).zip(&targets) {
                loss += head_losses(row, target, each);
            }
            let (by_weights, by_bias) = head_gradient.split_at_mut(WIDTH * Tiny::WIDTH);
            matmul_tn(by_weights, &out, visual, [WIDTH, Tiny::WIDTH, n], 0.0);
            for row in by_weights.chunks_exact_mut(Tiny::WIDTH) {
                row[..NAMED_IN].fill(0.0);
            }
            for row in out.chunks_exact(WIDTH) {
                by_bias
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, slope)| *sum += slope);
            }
            let mut by_visual = vec![0.0; n * Tiny::WIDTH];
            matmul_nn(&mut by_visual, &out, weights, [n, Tiny::WIDTH, WIDTH], 0.0);
            (loss, by_visual)
        })
        .map_err(failed)?;
    let mut gradient = shard.grads;
    gradient.extend(head_gradient);
    Ok((shard.loss, gradient))
}

/// Replaces the heads' outputs for one frame by the loss's gradient on them; returns the loss.
fn head_losses(out: &mut [f32], target: &TowerTarget, each: f32) -> f64 {
    let mut loss = 0.0;
    for head in &HEADS {
        let outputs = &mut out[head.range.clone()];
        let wanted = &target.values[head.range.clone()];
        let known = &target.known[head.range.clone()];
        let weight = head.weight * each;
        if head.loss == HeadLoss::CrossEntropy {
            let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = outputs.iter().map(|x| (x - largest).exp()).sum();
            for ((x, &y), &known) in outputs.iter_mut().zip(wanted).zip(known) {
                let logp = *x - largest - total.ln();
                loss -= f64::from(weight * known * y * logp);
                *x = weight * known * (logp.exp() - y);
            }
            continue;
        }
        for ((x, &y), &known) in outputs.iter_mut().zip(wanted).zip(known) {
            let (value, slope) = match head.loss {
                HeadLoss::Squared => ((*x - y).powi(2), 2.0 * (*x - y)),
                // softplus(x) − xy, written so that neither end overflows.
                _ => (
                    x.max(0.0) - *x * y + (-x.abs()).exp().ln_1p(),
                    1.0 / (1.0 + (-*x).exp()) - y,
                ),
            };
            loss += f64::from(weight * known * value);
            *x = weight * known * slope;
        }
    }
    loss
}
