//! Low-rank adapters: against the dense model with merged weights, which is tested on its own.

use std::sync::Arc;

use dfdx::prelude::*;
use rand::RngExt;
use vrt_core::model::dims::Tiny;
use vrt_core::model::gradients::Frames;
use vrt_core::model::lora::{Frozen, Lora, LoraConfig};
use vrt_core::model::ops::Fused;
use vrt_core::model::params::ParamSpec;
use vrt_core::rng::{Purpose, stream};

use crate::support::{FRAMES, batch, loss_of, patches};

const CONFIG: LoraConfig = LoraConfig {
    rank: 3,
    alpha: 6.0,
};

fn frozen(model: &Tiny) -> Arc<Frozen> {
    let (layout, flat) = (model.layout(), model.to_flat());
    let source = |name: &str| {
        let spec = layout.iter().find(|spec| spec.name == name)?;
        let count: usize = spec.shape.iter().product();
        Some(flat[spec.offset..][..count].to_vec())
    };
    Arc::new(Frozen::new(model.decoder_config(), source).unwrap())
}

/// Adapters that have been trained: no `B` is zero.
fn trained(model: &Tiny) -> Lora {
    let mut lora = Lora::new(frozen(model), CONFIG, 5).unwrap();
    let mut rng = stream(6, Purpose::Bootstrap, 0, 0, 0);
    let flat: Vec<f32> = lora
        .parameters()
        .iter()
        .map(|value| value + rng.random_range(-0.1..0.1))
        .collect();
    lora.load_flat(&flat).unwrap();
    lora
}

fn merged(model: &Tiny, lora: &Lora) -> Tiny {
    let (mut merged, mut flat) = (model.clone(), model.to_flat());
    lora.merge(&model.layout(), &mut flat).unwrap();
    merged.load_flat(&flat).unwrap();
    merged
}

fn part<'a>(flat: &'a [f32], layout: &[ParamSpec], name: &str) -> (&'a [f32], Vec<usize>) {
    let spec = layout.iter().find(|spec| spec.name == name).unwrap();
    let count: usize = spec.shape.iter().product();
    (&flat[spec.offset..][..count], spec.shape.clone())
}

#[test]
fn a_fresh_adapter_changes_nothing_and_starts_as_peft_does() {
    let model = Tiny::new(&Cpu::default(), 1);
    let lora = Lora::new(frozen(&model), CONFIG, 5).unwrap();
    let layout = lora.layout();
    assert_eq!(layout.len(), 2 * 7 * 3);
    assert_eq!(
        layout[0].name,
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    );
    assert_eq!(layout[0].shape, [3, 64]);
    assert_eq!(
        layout[13].name,
        "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"
    );
    assert_eq!(layout[13].shape, [64, 3]);
    for spec in &layout {
        let (values, shape) = part(lora.parameters(), &layout, &spec.name);
        let largest = values.iter().fold(0.0f32, |top, v| top.max(v.abs()));
        if spec.name.contains("lora_B") {
            assert_eq!(largest, 0.0, "{}", spec.name);
            continue;
        }
        // torch's kaiming_uniform_ with a = √5: bound √(6 / ((1 + 5) · in)) = 1/√in, variance 1 / (3 · in).
        let inputs = shape[1] as f32;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!(largest <= 1.0 / inputs.sqrt(), "{}", spec.name);
        assert!((variance * 3.0 * inputs - 1.0).abs() < 0.3, "{}", spec.name);
    }
    assert_eq!(merged(&model, &lora).to_flat(), model.to_flat());
}

#[test]
fn adapters_and_merged_weights_score_alike_and_the_gradient_is_the_chain_rule() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 2);
    let lora = trained(&model);
    let merged = merged(&model, &lora);
    let batch = batch(2, &[23, 70, 9], 1);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches(2, FRAMES))
        .unwrap();
    let run = |model: &Tiny| {
        let mut logps = Vec::new();
        let shard = model
            .loss_gradients::<Fused>(&dev, &batch, Frames::Rows(&rows), 0.8, |given, _| {
                logps = given.to_vec();
                loss_of(given)
            })
            .unwrap();
        (logps, shard)
    };
    let (base, _) = run(&model);
    let (expected, dense) = run(&merged);
    let scores = lora.token_logps(&batch, &rows, 0.8).unwrap();
    let off = |a: &[f32], b: &[f32]| {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max)
    };
    assert!(off(&scores.logps, &base) > 0.1, "the adapters do something");
    assert!(off(&scores.logps, &expected) < 1e-5);

    let shard = lora
        .loss_gradients(&batch, &rows, 0.8, |logps, _| loss_of(logps))
        .unwrap();
    let (layout, dense_layout) = (lora.layout(), model.layout());
    for spec in &layout {
        let name = spec.name.trim_start_matches("base_model.model.");
        let (name, matrix) = name.split_once(".lora_").unwrap();
        let (dw, _) = part(&dense.grads, &dense_layout, &format!("{name}.weight"));
        let adapter = |matrix: &str| {
            let name = format!("base_model.model.{name}.lora_{matrix}.weight");
            part(lora.parameters(), &layout, &name)
        };
        let ((a, a_shape), (b, b_shape)) = (adapter("A"), adapter("B"));
        let (r, inputs, outputs) = (a_shape[0], a_shape[1], b_shape[0]);
        // dA = s · Bᵀ · dW, dB = s · dW · Aᵀ.
        let expected: Vec<f32> = if matrix.starts_with('A') {
            (0..r * inputs)
                .map(|at| {
                    let (k, i) = (at / inputs, at % inputs);
                    2.0 * (0..outputs)
                        .map(|o| b[o * r + k] * dw[o * inputs + i])
                        .sum::<f32>()
                })
                .collect()
        } else {
            (0..outputs * r)
                .map(|at| {
                    let (o, k) = (at / r, at % r);
                    2.0 * (0..inputs)
                        .map(|i| a[k * inputs + i] * dw[o * inputs + i])
                        .sum::<f32>()
                })
                .collect()
        };
        let (found, _) = part(&shard.grads, &layout, &spec.name);
        let size = expected.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!(
            size > 0.0 && off(found, &expected) < 1e-4 * size,
            "{}: off by {} of {size}",
            spec.name,
            off(found, &expected)
        );
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let model = Tiny::new(&Cpu::default(), 3);
    let mut lora = trained(&model);
    let batch = batch(3, &[30, 14], 1);
    let rows = model
        .visual_rows::<Fused>(&Cpu::default(), &patches(3, FRAMES))
        .unwrap();
    let grads = lora
        .loss_gradients(&batch, &rows, 1.0, |logps, _| loss_of(logps))
        .unwrap()
        .grads;
    let start = lora.parameters().to_vec();
    let size = grads.iter().map(|g| g * g).sum::<f32>().sqrt();
    let mut at = |step: f32| {
        let pairs = start.iter().zip(&grads);
        let moved: Vec<f32> = pairs.map(|(p, g)| p + step * g / size).collect();
        lora.load_flat(&moved).unwrap();
        loss_of(&lora.token_logps(&batch, &rows, 1.0).unwrap().logps).0
    };
    let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
    assert!(
        (numeric - f64::from(size)).abs() < 2e-3 * f64::from(size),
        "{numeric} by differences, {size} by the backward"
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_cure() {
    let model = Tiny::new(&Cpu::default(), 4);
    let base = frozen(&model);
    let refused = |rank, alpha| {
        let config = LoraConfig { rank, alpha };
        let error = Lora::new(Arc::clone(&base), config, 0).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused(33, 1.0),
        "LoRA rank 33: give it a value from 1 to 32, the smallest side of a projection"
    );
    assert_eq!(
        refused(1, f32::NAN),
        "LoRA alpha NaN: give it a positive number; twice the rank is usual"
    );
    let lora = trained(&model);
    let mut flat = model.to_flat();
    let mut layout = model.layout();
    layout.retain(|spec| !spec.name.contains("layers.1.mlp.up"));
    let before = flat.clone();
    assert_eq!(
        lora.merge(&layout, &mut flat).unwrap_err().to_string(),
        "cannot merge: the checkpoint has no `model.layers.1.mlp.up_proj.weight` of shape [176, 64]; it is of another model"
    );
    assert_eq!(flat, before);
    let batch = batch(4, &[9], 1);
    assert_eq!(
        lora.token_logps(&batch, &[0.0; 63], 1.0)
            .unwrap_err()
            .to_string(),
        "visual embeddings: 63 numbers, expected 64"
    );
}
