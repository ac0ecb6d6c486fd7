//! In: the tiny random checkpoint of the tests. Out: two trained checkpoints, and what we say of a prompt with each.
//!
//! `cargo run -p vrt-checkpoint --example train_and_save -- OUT`, then `docs/transformers/check.py OUT` asks transformers.
//! `OUT/all` has all parameters trained, tower included; `OUT/adapters` has low-rank adapters trained and merged.

use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dfdx::prelude::{Cpu, NoneTape};
use safetensors::SafeTensors;
use serde_json::json;
use vrt_checkpoint::{Checkpoint, Media, Prompt, Saving, save};
use vrt_core::model::dims::Golden;
use vrt_core::model::gradients::Frames;
use vrt_core::model::lora::{Frozen, Lora, LoraConfig};
use vrt_core::model::ops::Fused;
use vrt_core::sequence::Packed;
use vrt_train::atomic;
use vrt_train::optim::{AdamW, AdamWConfig, Flat, Trained};

const STEPS: usize = 20;
const RATE: f32 = 3e-3;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).map(PathBuf::from);
    let out = out.ok_or("name the folder to write: train_and_save OUT")?;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vrt-core/tests/golden/qwen2_5_vl");
    let checkpoint = Checkpoint::open(&golden)?;
    let asked = Asked::read(&golden, &checkpoint)?;
    let mut said = serde_json::Map::new();
    for (name, train) in [("all", all as Train), ("adapters", adapters)] {
        let mut model: Golden = checkpoint.load(&Cpu::default())?;
        let losses = train(&checkpoint, &mut model, &asked)?;
        let saving = Saving {
            companions: Some(golden.clone()),
            ..Saving::default()
        };
        save(&out.join(name), &model, checkpoint.config(), &saving)?;
        // What is judged is what was written: 16 bits a number.
        let written: Golden = Checkpoint::open(&out.join(name))?.load(&Cpu::default())?;
        let logps = asked.logps(&written)?;
        println!(
            "{name}: loss {:.4} fell to {:.4}",
            losses[0],
            losses[STEPS - 1]
        );
        said.insert(name.to_owned(), json!({ "losses": losses, "logps": logps }));
    }
    let text = serde_json::to_vec_pretty(&said)?;
    Ok(atomic::write(&out.join("ours.json"), &text)?)
}

type Train = fn(&Checkpoint, &mut Golden, &Asked) -> Result<Vec<f64>, Box<dyn Error>>;

/// The golden prompt: text, two videos, an image. Every token but the first is a target.
struct Asked {
    batch: Packed,
    grids: [[usize; 3]; 3],
    pixels: Vec<f32>,
}

impl Asked {
    fn read(golden: &Path, checkpoint: &Checkpoint) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(golden.join("golden.safetensors"))?;
        let file = SafeTensors::deserialize(&bytes)?;
        let floats = |name: &str| -> Result<Vec<f32>, Box<dyn Error>> {
            let numbers = file.tensor(name)?.data().as_chunks().0.iter();
            Ok(numbers.map(|b| f32::from_le_bytes(*b)).collect())
        };
        let integers = |name: &str| -> Result<Vec<usize>, Box<dyn Error>> {
            let numbers = file.tensor(name)?.data().as_chunks().0.iter();
            Ok(numbers.map(|b| i64::from_le_bytes(*b) as usize).collect())
        };
        let mut grids = [[0; 3]; 3];
        let mut pixels = Vec::new();
        for (grid, name) in grids.iter_mut().zip(["vidA", "vidB", "img"]) {
            grid.copy_from_slice(&integers(&format!("{name}.grid_thw"))?);
            pixels.extend(floats(&format!("{name}.pixel_values"))?);
        }
        let seconds = floats("p.second_per_grid_ts")?;
        let media = [
            Media::Video {
                grid: grids[0],
                seconds: seconds[0],
            },
            Media::Video {
                grid: grids[1],
                seconds: seconds[1],
            },
            Media::Image { grid: grids[2] },
        ];
        let ids = integers("p.input_ids")?;
        let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
        let mut batch = Prompt::new(checkpoint.config(), ids, &media)?.packed();
        batch.target_rows = (0..batch.tokens.len() as u32 - 1).collect();
        batch.target_tokens = batch.tokens[1..].to_vec();
        Ok(Self {
            batch,
            grids,
            pixels,
        })
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Videos {
            grids: &self.grids,
            patches: &self.pixels,
        }
    }

    fn visual(&self, model: &Golden) -> Result<Vec<f32>, Box<dyn Error>> {
        let tokens =
            model.visual_of::<Fused, _>(&Cpu::default(), &self.grids, &self.pixels, NoneTape)?;
        Ok(tokens.as_vec())
    }

    fn logps(&self, model: &Golden) -> Result<Vec<f32>, Box<dyn Error>> {
        let visual = model.given_rows(&Cpu::default(), &self.visual(model)?, NoneTape)?;
        let scored = model.token_logps::<Fused, _>(&self.batch, visual, 1.0)?;
        Ok(scored.logps.as_vec())
    }
}

/// Mean negative log-probability, and its derivative.
fn loss(logps: &[f32]) -> (f64, Vec<f32>) {
    let sum: f64 = logps.iter().map(|&logp| f64::from(logp)).sum();
    let count = logps.len();
    (-sum / count as f64, vec![-1.0 / count as f32; count])
}

/// A step on all parameters.
fn descend(optimizer: &mut AdamW, parameters: &mut [f32], gradient: Vec<f32>) {
    let trained = [Trained {
        range: 0..parameters.len(),
        decays: true,
    }];
    let mut sum = vec![0.0; parameters.len()];
    let flat = Flat {
        parameters,
        gradient: &mut sum,
        trained: &trained,
    };
    let given = |_| Ok::<_, Infallible>(Some((gradient.clone(), ())));
    let Ok(_) = optimizer.step(flat, RATE, 1, 1, given);
}

fn all(_: &Checkpoint, model: &mut Golden, asked: &Asked) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut flat = model.to_flat();
    let mut optimizer = AdamW::new(AdamWConfig::default(), flat.len());
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let shard = model.loss_gradients::<Fused>(
            &Cpu::default(),
            &asked.batch,
            asked.frames(),
            1.0,
            |logps, _| loss(logps),
        )?;
        descend(&mut optimizer, &mut flat, shard.grads);
        model.load_flat(&flat)?;
        losses.push(shard.loss);
    }
    Ok(losses)
}

fn adapters(
    checkpoint: &Checkpoint,
    model: &mut Golden,
    asked: &Asked,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let base = Frozen::new(model.decoder_config(), |name| checkpoint.values(name))?;
    let config = LoraConfig {
        rank: 8,
        alpha: 16.0,
    };
    let mut lora = Lora::new(Arc::new(base), config, 1)?;
    let mut flat = lora.parameters().to_vec();
    let mut optimizer = AdamW::new(AdamWConfig::default(), flat.len());
    let visual = asked.visual(model)?;
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let shard = lora.loss_gradients(&asked.batch, &visual, 1.0, |logps, _| loss(logps))?;
        descend(&mut optimizer, &mut flat, shard.grads);
        lora.load_flat(&flat)?;
        losses.push(shard.loss);
    }
    let mut flat = model.to_flat();
    lora.merge(&model.layout(), &mut flat)?;
    model.load_flat(&flat)?;
    Ok(losses)
}
