//! What is sampled is what is learned: the same tokens, the same log-probabilities.

use std::sync::Arc;

use vrt::checkpoint::{CheckpointActor, CheckpointOptions, Reader};
use vrt::prompt::{Prompt, VIDEO_GEN_REWARD};
use vrt_core::model::lora::{Lora, LoraConfig};
use vrt_core::op::PaperOps;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::Sampling;
use vrt_core::rollout::rollout;
use vrt_train::learn::{Actor, Sampled, Weights};
use vrt_train::lora::LoraLearner;
use vrt_train::optim::AdamWConfig;
use vrt_train::sft;
use vrt_train::turns::Turns;

use crate::school::{School, rules};

#[test]
fn the_trainer_and_the_sampler_agree() {
    let school = School::new();
    let reader = Arc::new(Reader::open(&school.path("base")).unwrap());
    let config = LoraConfig {
        rank: 4,
        alpha: 8.0,
    };
    let base = Arc::new(reader.checkpoint().frozen().unwrap());
    let mut reference = Lora::new(base, config, 3).unwrap();
    // Adapters that change something: a fresh one is the base.
    let mut changed = reference.parameters().to_vec();
    for (at, value) in changed.iter_mut().enumerate() {
        *value += 0.05 * ((at * 7919 % 101) as f32 / 50.0 - 1.0);
    }
    reference.load_flat(&changed).unwrap();
    let mut learner = LoraLearner::new(reference.clone(), AdamWConfig::default(), 2);
    let pairs = school.pairs();
    let pairs: Vec<PreferencePair> = (0..4).map(|at| pairs.pair(at)).collect();
    let prompt = Prompt::of::<PaperOps>(&rules(), &VIDEO_GEN_REWARD);
    let mut actor = CheckpointActor {
        learner: &mut learner,
        reference: &reference,
        reader: &reader,
        prompt: &prompt,
        options: CheckpointOptions {
            pixels: [4 * 784, 4 * 784],
            ..CheckpointOptions::default()
        },
    };
    let temperature = 0.7;
    let sample = |actor: &CheckpointActor<'_>, step| {
        let sampling = Sampling {
            temperature,
            seed: 9,
            step,
            max_tokens: 10,
        };
        let policy = actor.policy(sampling).unwrap();
        let (rollouts, _) = rollout::<PaperOps, _>(&policy, &pairs, 3, &rules(), 2).unwrap();
        let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
        samples
            .map(|sample| sample.sequence.unwrap())
            .collect::<Vec<Turns>>()
    };
    let sampled = sample(&actor, 0);
    let sequences: Vec<&Turns> = sampled.iter().collect();
    let mut compared = 0;
    for of in [Weights::Newest, Weights::Reference] {
        let scored = actor.logps(of, &sequences, temperature).unwrap();
        for (sequence, scored) in sequences.iter().zip(scored) {
            assert_eq!(sequence.tokens(), scored.len());
            for (sampled, scored) in sequence.logps().zip(scored) {
                assert!(
                    (sampled - scored).abs() < 1e-4,
                    "{sampled} sampled, {scored} scored"
                );
                compared += 1;
            }
        }
    }
    // Ten tokens, or fewer where the end was drawn.
    assert!(compared > 2 * 12 * 5, "{compared}");
    assert_eq!(sample(&actor, 0), sampled);
    // Another step of training draws anew, and a step on what was sampled makes it likelier.
    assert_ne!(sample(&actor, 1), sampled);
    let before = sft::step(actor.learner(), &sequences, 1e-3).unwrap().loss;
    let after = sft::step(actor.learner(), &sequences, 1e-3).unwrap().loss;
    assert!(after < before, "{before} then {after}");
    let newest = actor
        .logps(Weights::Newest, &sequences, temperature)
        .unwrap();
    let old = actor
        .logps(Weights::Reference, &sequences, temperature)
        .unwrap();
    assert_ne!(newest, old);
}
