//! Training low-rank adapters: what moves, what does not, and what it costs.

use std::sync::Arc;

use dfdx::prelude::Cpu;
use vrt_core::model::dims::Tiny;
use vrt_core::model::lora::{Frozen, Lora, LoraConfig};
use vrt_core::sequence::Packed;
use vrt_train::lora::{LoraLearner, LoraStepError, Part};
use vrt_train::optim::AdamWConfig;

fn frozen() -> Arc<Frozen> {
    let model = Tiny::new(&Cpu::default(), 1);
    let (layout, flat) = (model.layout(), model.to_flat());
    let source = |name: &str| {
        let spec = layout.iter().find(|spec| spec.name == name)?;
        let count: usize = spec.shape.iter().product();
        Some(flat[spec.offset..][..count].to_vec())
    };
    Arc::new(Frozen::new(model.decoder_config(), source).unwrap())
}

/// Sequences that count up from `first`: each token is to predict the next.
fn counting(first: u32) -> Packed {
    let rows = 24;
    Packed {
        tokens: (first..first + rows).collect(),
        positions: (0..rows).map(|row| [row; 3]).collect(),
        starts: vec![0, rows],
        evidence: vec![0; rows as usize],
        oldest: vec![0; rows as usize],
        target_rows: (0..rows).collect(),
        target_tokens: (first + 1..=first + rows).collect(),
        ..Packed::default()
    }
}

fn train(threads: usize, steps: usize) -> (LoraLearner, Vec<f64>) {
    let config = LoraConfig {
        rank: 8,
        alpha: 16.0,
    };
    let lora = Lora::new(frozen(), config, 2).unwrap();
    let mut learner = LoraLearner::new(lora, AdamWConfig::default(), threads);
    let batches: Vec<Packed> = [0, 40, 80, 120].map(counting).into();
    let parts: Vec<Part<'_>> = batches
        .iter()
        .map(|batch| Part { batch, visual: &[] })
        .collect();
    let loss = |_: usize, logps: &[f32]| {
        let each = 1.0 / (4.0 * logps.len() as f32);
        let sum: f64 = logps.iter().map(|&logp| -f64::from(logp * each)).sum();
        (sum, vec![-each; logps.len()])
    };
    let losses = (0..steps)
        .map(|_| learner.step(&parts, 1.0, 1e-2, &loss).unwrap().loss)
        .collect();
    (learner, losses)
}

#[test]
fn the_loss_falls_and_the_base_stays_as_it_was() {
    let (learner, losses) = train(1, 60);
    let (first, last) = (losses[0], losses[59]);
    assert!(last < 0.5 * first, "{first} fell to {last}");
    assert_eq!(**learner.lora.base(), *frozen());
}

#[test]
fn state_has_the_size_of_the_adapters() {
    let (learner, _) = train(1, 1);
    // rank · (in + out) of q, k, v, o, gate, up, down, three layers.
    let layer = 8 * (128 + 96 + 96 + 128 + 240 + 240 + 240);
    assert_eq!(learner.lora.parameters().len(), 3 * layer);
    assert_eq!(learner.optimizer.first.len(), 3 * layer);
    assert_eq!(learner.optimizer.second.len(), 3 * layer);
    // The learner and its adapters share the base: nobody holds a second one.
    assert_eq!(Arc::strong_count(learner.lora.base()), 1);
}

#[test]
fn threads_change_no_byte() {
    let (one, losses) = train(1, 3);
    let (two, same) = train(2, 3);
    assert_eq!(losses, same);
    assert_eq!(one.lora.parameters(), two.lora.parameters());
}

#[test]
fn a_gradient_that_is_not_finite_is_refused() {
    let (mut learner, _) = train(1, 1);
    let before = learner.lora.parameters().to_vec();
    let batch = counting(0);
    let part = [Part {
        batch: &batch,
        visual: &[],
    }];
    let error = learner
        .step(&part, 1.0, 1e-2, &|_, logps| {
            (0.0, vec![f32::NAN; logps.len()])
        })
        .unwrap_err();
    assert!(matches!(error, LoraStepError::Diverged { .. }));
    assert_eq!(
        error.to_string(),
        "step 1: the gradient's norm is NaN; lower the learning rate"
    );
    assert_eq!(learner.lora.parameters(), before);
}
