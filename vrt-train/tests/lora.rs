//! Training low-rank adapters: what moves, what does not, and what it costs.

use std::sync::Arc;

use dfdx::prelude::Cpu;
use vrt_core::model::dims::Tiny;
use vrt_core::model::lora::{Frozen, Lora, LoraConfig};
use vrt_core::sequence::Packed;
use vrt_train::learn::{Learn, LearnError, ShardTokens};
use vrt_train::lora::LoraLearner;
use vrt_train::optim::AdamWConfig;
use vrt_train::sft;
use vrt_train::turns::{Turns, Unit};

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

/// An episode that counts up from `first`: each token is to predict the next.
fn counting(first: u32) -> Turns {
    let prompt = Packed {
        tokens: vec![first],
        positions: vec![[0; 3]],
        starts: vec![0, 1],
        ..Packed::default()
    };
    let mut turns = Turns::new(Tiny::WIDTH);
    turns.push(Unit {
        prompt: &prompt,
        next_position: 1,
        pictures: &[],
        tokens: &Vec::from_iter(first + 1..=first + 24),
        logps: &[],
    });
    turns
}

fn train(threads: usize, steps: usize) -> (LoraLearner, Vec<f64>) {
    let config = LoraConfig {
        rank: 8,
        alpha: 16.0,
    };
    let lora = Lora::new(frozen(), config, 2).unwrap();
    let mut learner = LoraLearner::new(lora, AdamWConfig::default(), threads);
    let batch: Vec<Turns> = [0, 20, 40, 60, 80, 100].map(counting).into();
    let batch: Vec<&Turns> = batch.iter().collect();
    let losses = (0..steps)
        .map(|_| sft::step(&mut learner, &batch, 1e-2).unwrap().loss)
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
    let loss = |tokens: ShardTokens<'_>| ((), vec![f32::NAN; tokens.logp.len()]);
    let error = learner.step(&[&counting(0)], 1.0, 1e-2, &loss).unwrap_err();
    assert!(matches!(error, LearnError::Diverged { .. }));
    assert_eq!(
        error.to_string(),
        "step 1: the gradient's norm is NaN; lower the learning rate"
    );
    assert_eq!(learner.lora.parameters(), before);
}
