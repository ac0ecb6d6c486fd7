use proptest::prelude::*;
use vrt_core::episode::{Episode, Rules};
use vrt_core::op::PaperOps;
use vrt_core::pair::{PairKey, PreferencePair};
use vrt_core::policy::{Replay, Reply};
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

fn episodes(rollouts: Vec<Rollout>) -> Vec<Episode> {
    let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
    samples.map(|sample| sample.episode).collect()
}

fn record(episode: &Episode) -> (PairKey, u32, Vec<Reply>) {
    let replies = episode.rounds.iter().map(|round| round.reply.clone());
    (episode.pair, episode.sample, replies.collect())
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
        prop_assert_eq!(same, ledger);
    }
}

#[test]
fn a_reply_that_was_cut_off_is_cut_off_again() {
    let cut = Reply {
        text: "<Snapshot>grey".to_owned(),
        tokens: 4,
        cut: true,
        ..Reply::default()
    };
    let replay = Replay::new(vec![(PairKey(4), 0, vec![cut])]);
    let pairs = [pair(4, 24)];
    let (_, ledger) = rollout::<PaperOps, _>(&replay, &pairs, 1, &Rules::default(), 1).unwrap();
    assert_eq!((ledger.stopped("cut"), ledger.tokens), (1, 4));
}

#[test]
fn a_sample_that_was_not_recorded_is_named() {
    let replay = Replay::new(vec![(PairKey(4), 0, vec![crate::support::answer()])]);
    let pairs = [pair(4, 24)];
    let error = rollout::<PaperOps, _>(&replay, &pairs, 2, &Rules::default(), 1).err();
    let text = error.map(|error| error.to_string());
    assert_eq!(
        text.as_deref(),
        Some("pair 0x0000000000000004: the recording holds no sample 1")
    );
}
