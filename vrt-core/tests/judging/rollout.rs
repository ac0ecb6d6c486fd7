use proptest::prelude::*;
use vrt_core::episode::{CallFault, Rules, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::op::PaperOps;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, Shown, Turn};
use vrt_core::rollout::{Rollout, rollout};
use vrt_core::sequence::Sequence;

use crate::support::{Deed, Scripted, TOKENS, answer, pair};

fn deed() -> impl Strategy<Value = Deed> {
    let calls = 0u8..=3;
    prop_oneof![
        calls.clone().prop_map(|calls| Deed::Answers { calls }),
        calls.clone().prop_map(|calls| Deed::Rambles { calls }),
        calls.clone().prop_map(|calls| Deed::Breaks { calls }),
        (0u8..=2).prop_map(|calls| Deed::AsksBeyond { calls }),
        calls.prop_map(|calls| Deed::Fails { calls }),
        Just(Deed::Misnames),
        Just(Deed::NeverAnswers),
        Just(Deed::Blinks),
    ]
}

/// Row of the ledger, calls carried out, replies written.
fn due(deed: Deed) -> (usize, u64, u64) {
    let (name, calls, replies) = told(deed);
    let row = StopReason::NAMES.iter().position(|known| *known == name);
    (row.expect("a row of the ledger"), calls, replies)
}

fn told(deed: Deed) -> (&'static str, u64, u64) {
    match deed {
        Deed::Answers { calls } => ("answered", calls.into(), u64::from(calls) + 1),
        Deed::Rambles { calls } => ("malformed", calls.into(), u64::from(calls) + 1),
        Deed::Breaks { calls } => ("cut", calls.into(), u64::from(calls) + 1),
        Deed::AsksBeyond { calls } => ("bad_arguments", calls.into(), u64::from(calls) + 1),
        Deed::Misnames => ("unknown_tool", 0, 1),
        Deed::NeverAnswers => ("call_beyond_limit", 3, 4),
        Deed::Fails { calls } => ("policy_failed", calls.into(), calls.into()),
        Deed::Blinks => ("policy_failed", 1, 1),
    }
}

fn run(deeds: &[Vec<Deed>], threads: usize) -> (Vec<Rollout>, Ledger) {
    let pairs: Vec<PreferencePair> = (0..deeds.len()).map(|key| pair(key as u64, 24)).collect();
    let samples = deeds.first().map_or(0, Vec::len) as u32;
    let policy = Scripted {
        deeds: deeds.to_vec(),
    };
    rollout::<PaperOps, _>(&policy, &pairs, samples, &Rules::default(), threads)
        .expect("the pairs open")
}

/// Up to 600 episodes: several chunks, some of them of one pair.
fn script() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    let shape = prop_oneof![
        (0usize..6, 0usize..5),
        (60usize..80, 5usize..8),
        (1usize..3, 250usize..300)
    ];
    shape.prop_flat_map(|(pairs, samples)| {
        prop::collection::vec(prop::collection::vec(deed(), samples), pairs)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_sample_is_accounted_for_however_it_ends(script in script(), threads in 1usize..4) {
        let (rollouts, ledger) = run(&script, threads);
        let all: Vec<Deed> = script.concat();
        let mut expected = Ledger { asked: all.len() as u64, ..Ledger::of::<PaperOps>() };
        for &deed in &all {
            let (row, calls, replies) = due(deed);
            expected.stops[row] += 1;
            expected.calls += calls;
            expected.callers += u64::from(calls > 0);
            expected.ops[0].calls += calls;
            expected.ops[0].views += 2 * calls;
            if let Some(fault) = CallFault::NAMES.iter().position(|name| *name == StopReason::NAMES[row]) {
                expected.faults[fault] += 1;
                expected.ops[0].faults[fault] += u64::from(matches!(deed, Deed::AsksBeyond { .. }));
            }
            expected.tokens += replies * u64::from(TOKENS);
        }
        prop_assert!(ledger.balances());
        prop_assert_eq!(&ledger, &expected);
        prop_assert_eq!(rollouts.len(), script.len());
        for (number, rollout) in rollouts.iter().enumerate() {
            prop_assert_eq!(rollout.pair, number);
            prop_assert_eq!(rollout.samples.len(), script[number].len());
            for (sample, one) in rollout.samples.iter().enumerate() {
                let episode = &one.episode;
                prop_assert_eq!((episode.pair.0, episode.sample), (number as u64, sample as u32));
                let row = episode.stop.as_ref().map(StopReason::row);
                prop_assert_eq!(row, Some(due(script[number][sample]).0));
            }
        }
    }

    #[test]
    fn threads_do_not_change_an_episode(script in script()) {
        let (one, ledger) = run(&script, 1);
        let (three, same) = run(&script, 3);
        prop_assert_eq!(ledger, same);
        for (a, b) in one.iter().zip(&three) {
            for (a, b) in a.samples.iter().zip(&b.samples) {
                prop_assert_eq!(&a.episode, &b.episode);
            }
        }
    }

    #[test]
    fn ledgers_add_up(left in script(), right in script()) {
        let (mut sum, other) = (run(&left, 1).1, run(&right, 1).1);
        let both = sum.asked + other.asked;
        sum.add(&other);
        prop_assert!(sum.balances());
        prop_assert_eq!(sum.asked, both);
    }
}

/// Opens, replies and looks one time less often than it is asked to.
struct Lazy {
    opens: bool,
    replies: bool,
    looks: bool,
}

impl Policy for Lazy {
    type State = ();
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<()>, PolicyError> {
        let samples: u32 = openings.iter().map(|opening| opening.samples).sum();
        Ok(vec![(); samples as usize - usize::from(self.opens)])
    }

    fn reply(&self, turns: &mut [Turn<'_, ()>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        let text = if self.looks {
            crate::support::call("select_frames", "3")
        } else {
            answer()
        };
        let reply = Some(Ok(Reply {
            text,
            tokens: 1,
            ..Reply::default()
        }));
        vec![reply; turns.len() - usize::from(self.replies)]
    }

    fn observe(&self, shown: &mut [Shown<'_, ()>]) -> Vec<Result<(), PolicyError>> {
        vec![Ok(()); shown.len() - usize::from(self.looks)]
    }

    fn sequence(&self, (): ()) -> Option<Sequence> {
        None
    }
}

#[test]
fn a_policy_that_owes_an_episode_a_reply_or_a_look_loses_only_that_episode() {
    let pairs = [pair(0, 24)];
    let run = |lazy: Lazy| rollout::<PaperOps, _>(&lazy, &pairs, 3, &Rules::default(), 1);
    let error = run(Lazy {
        opens: true,
        replies: false,
        looks: false,
    })
    .err()
    .expect("one is not opened");
    assert!(
        error.to_string().contains("another number of episodes"),
        "{error}"
    );
    let (_, ledger) = run(Lazy {
        opens: false,
        replies: true,
        looks: false,
    })
    .expect("all open");
    assert_eq!(
        (ledger.stopped("answered"), ledger.stopped("policy_failed")),
        (2, 1)
    );
    // Each look loses the last one that waits; the first one makes its three calls before it is the last.
    let (_, ledger) = run(Lazy {
        opens: false,
        replies: false,
        looks: true,
    })
    .expect("all open");
    assert_eq!(ledger.stopped("policy_failed"), 3);
    assert_eq!(ledger.calls, 3 + 2 + 1);
}

#[test]
fn nothing_asked_is_nothing_owed() {
    let (rollouts, ledger) = run(&[], 2);
    assert!(rollouts.is_empty());
    assert_eq!(ledger, Ledger::of::<PaperOps>());
    assert!(ledger.balances());
    let lost = Ledger {
        asked: 1,
        ..Ledger::default()
    };
    assert!(!lost.balances());
}
