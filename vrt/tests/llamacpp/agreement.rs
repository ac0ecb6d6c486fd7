//! One prompt, two implementations: the model in this process and llama.cpp give the same log-probabilities.

use vrt::checkpoint::{CheckpointOptions, CheckpointPolicy, Reader};
use vrt::server::{ServerOptions, ServerPolicy};
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;
use vrt_core::policy::{Policy, SampledToken};
use vrt_core::rollout::rollout;

use crate::server::{Server, model, pool, prompt};
use crate::slopes::pair;

/// Both compute in 32 bits. Seen: 5e-5.
const TOLERANCE: f32 = 3e-4;

fn sampled<P: Policy>(policy: &P, rules: &Rules) -> Vec<SampledToken> {
    let (rollouts, _) = rollout::<PaperOps, _>(policy, &[pair(3)], 1, rules, 1).unwrap();
    let episode = &rollouts[0].samples[0].episode;
    assert_eq!(episode.rounds.len(), 1, "{:?}", episode.stop);
    episode.rounds[0].reply.sampled.clone()
}

#[test]
fn a_checkpoint_judges_alike_in_this_process_and_behind_a_server() {
    let rules = Rules::default();
    let mut options = CheckpointOptions {
        logprobs: true,
        ..CheckpointOptions::default()
    };
    options.sampling.max_tokens = 16;
    let reader = Reader::open(&model()).unwrap();
    let weights = reader.checkpoint().decoder_weights().unwrap();
    let ours = sampled(
        &CheckpointPolicy::new(reader, weights, prompt(&rules), options),
        &rules,
    );
    let server = Server::start();
    let options = ServerOptions {
        max_tokens: 16,
        logprobs: true,
        ..ServerOptions::new("tiny-vl")
    };
    let theirs = sampled(
        &ServerPolicy::new(pool(&[&server]), prompt(&rules), options),
        &rules,
    );
    assert_eq!((ours.len(), theirs.len()), (16, 16));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.token, theirs.token);
        let (a, b) = (ours.logp.unwrap(), theirs.logp.unwrap());
        assert!((a - b).abs() <= TOLERANCE, "{a} {b}");
    }
}
