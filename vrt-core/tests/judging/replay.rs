use proptest::prelude::*;
use vrt_core::episode::{Episode, Rules};
use vrt_core::op::PaperOps;
use vrt_core::pair::{PairKey, PreferencePair};
use vrt_core::policy::Replay;
use vrt_core::rollout::{Rollout, rollout};

use crate::support::{Deed, Scripted, pair};

/// Endings that text alone brings about.
fn deed() -> impl Strategy<Value = Deed> {
    let calls = 0u8..=3;
    prop_oneof![
        calls.clone().prop_map(|calls| Deed::Answers { calls }),
        calls.prop_map(|calls| Deed::Rambles { calls }),
        (0u8..=2).prop_map(|calls| Deed::AsksBeyond { calls }),
        Just(Deed::Misnames),
        Just(Deed::NeverAnswers),
    ]
}

/// The episodes; a recording holds no count of tokens.
fn episodes(rollouts: Vec<Rollout>) -> Vec<Episode> {
    let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
    samples
        .map(|mut sample| {
            sample
                .episode
                .rounds
                .iter_mut()
                .for_each(|round| round.reply.tokens = 0);
            sample.episode
        })
        .collect()
}

fn record(episode: &Episode) -> (PairKey, u32, Vec<String>) {
    let texts = episode.rounds.iter().map(|round| round.reply.text.clone());
    (episode.pair, episode.sample, texts.collect())
}

proptest! {
    #[test]
    fn a_recorded_episode_plays_back_to_itself(
        deeds in prop::collection::vec(prop::collection::vec(deed(), 3), 1..5),
        threads in 1usize..3,
    ) {
        let rules = Rules::default();
        let pairs: Vec<PreferencePair> = (0..deeds.len()).map(|key| pair(key as u64, 24)).collect();
        let policy = Scripted { deeds };
        let (first, ledger) = rollout::<PaperOps, _>(&policy, &pairs, 3, &rules, 1).expect("they open");
        let first = episodes(first);
        let replay = Replay::new(first.iter().map(record).collect());
        let (again, same) = rollout::<PaperOps, _>(&replay, &pairs, 3, &rules, threads).expect("they open");
        prop_assert_eq!(episodes(again), first);
        prop_assert_eq!(same.stops, ledger.stops);
        prop_assert_eq!(same.calls, ledger.calls);
    }
}

#[test]
fn a_sample_that_was_not_recorded_is_named() {
    let replay = Replay::new(vec![(PairKey(4), 0, vec![crate::support::answer()])]);
    let pairs = [pair(4, 24)];
    let error = rollout::<PaperOps, _>(&replay, &pairs, 2, &Rules::default(), 1).err();
    let text = error.map(|error| error.to_string());
    assert_eq!(
        text.as_deref(),
        Some("pair 4: the recording holds no sample 1")
    );
}
