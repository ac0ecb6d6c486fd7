//! Several calls, faulty calls, retries, budgets: what the rules make of them, and where the ledger counts them.

use vrt_core::episode::{CallFault, Episode, Rules, SeveralCalls, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::op::AllOps;
use vrt_core::pair::PairKey;
use vrt_core::policy::{Observation, Replay, Reply};
use vrt_core::reward::Judged;
use vrt_core::rollout::rollout;
use vrt_core::window::MemoryWindow;

use crate::support::{answer, call, pair};

/// A unit that makes these calls, each a name and its arguments.
fn calling(calls: &[(&str, &str)]) -> String {
    let mut unit = "<Snapshot>a ring</Snapshot>\n<Think>look closer</Think>\n\
                    <Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>"
        .to_owned();
    for (name, arguments) in calls {
        unit += &format!(
            "\n<tool_call>{{\"name\": \"{name}\", \"arguments\": {arguments}}}</tool_call>"
        );
    }
    unit
}

fn select(frames: &str) -> (&'static str, String) {
    (
        "select_frames",
        format!("{{\"target_frames\": [{frames}]}}"),
    )
}

fn played(rules: &Rules, units: &[String]) -> (Episode, Ledger) {
    let pairs = [pair(3, 24)];
    let replay = Replay::new(vec![(PairKey(3), 0, units.to_vec())]);
    let (mut rollouts, ledger) =
        rollout::<AllOps, _>(&replay, &pairs, 1, rules, 1).expect("the pair opens");
    assert!(ledger.balances());
    (rollouts.remove(0).samples.remove(0).episode, ledger)
}

fn stop(episode: &Episode) -> &'static str {
    episode.stop.as_ref().expect("it is over").name()
}

fn shown(episode: &Episode) -> Vec<Vec<u32>> {
    let views = |outcome: &vrt_core::op::Outcome| {
        outcome
            .views
            .iter()
            .map(|view| view.frame().get())
            .collect()
    };
    episode.outcomes().map(views).collect()
}

fn several(several: SeveralCalls) -> (Episode, Ledger) {
    let (a, b) = (select("12, 40"), select("7"));
    let unit = calling(&[(a.0, &a.1), (b.0, &b.1)]);
    let rules = Rules {
        several,
        ..Rules::default()
    };
    played(&rules, &[unit, answer()])
}

#[test]
fn several_calls_in_a_unit_are_refused_cut_to_one_or_all_carried_out() {
    let (episode, ledger) = several(SeveralCalls::Refuse);
    assert_eq!(stop(&episode), "several_calls");
    assert_eq!((ledger.calls, ledger.stopped("several_calls")), (0, 1));

    let (episode, ledger) = several(SeveralCalls::First);
    assert_eq!(stop(&episode), "answered");
    assert_eq!(shown(&episode), [vec![12, 40]]);
    assert_eq!((ledger.calls, ledger.passed_over), (1, 1));

    let (episode, ledger) = several(SeveralCalls::All);
    assert_eq!(stop(&episode), "answered");
    assert_eq!(shown(&episode), [vec![12, 40, 7]], "one outcome");
    assert_eq!((ledger.calls, ledger.passed_over), (2, 0));
    assert_eq!((ledger.ops[0].calls, ledger.ops[0].views), (2, 3));
}

#[test]
fn one_faulty_call_of_several_brings_nothing() {
    let (a, b) = (select("12, 40"), select("700"));
    let rules = Rules {
        several: SeveralCalls::All,
        ..Rules::default()
    };
    let (episode, ledger) = played(&rules, &[calling(&[(a.0, &a.1), (b.0, &b.1)])]);
    assert_eq!(stop(&episode), "bad_arguments");
    assert_eq!((ledger.calls, episode.outcomes().count()), (0, 0));
}

#[test]
fn calls_of_one_unit_count_one_by_one_against_the_limit() {
    let (a, b) = (select("12"), select("7"));
    let unit = calling(&[(a.0, &a.1), (b.0, &b.1)]);
    let rules = Rules {
        several: SeveralCalls::All,
        ..Rules::default()
    };
    let (episode, _) = played(&rules, &[unit.clone(), unit]);
    let fault = CallFault::BeyondLimit { asked: 2, left: 1 };
    assert_eq!(
        fault.to_string(),
        "2 tool calls, but only 1 more are allowed; ask for fewer"
    );
    assert_eq!(episode.stop, Some(StopReason::Fault(fault)));
    assert_eq!(episode.calls(), 2);
}

#[test]
fn a_faulty_call_is_told_and_tried_again_as_often_as_the_rules_allow() {
    let broken = call("select_frames", "12,,");
    let unknown = call("select_frame", "12");
    let beyond = call("select_frames", "12, 400");
    let units = [
        broken,
        unknown.clone(),
        call("select_frames", "12"),
        beyond.clone(),
        answer(),
    ];
    let rules = Rules {
        retries: 3,
        ..Rules::default()
    };
    let (episode, ledger) = played(&rules, &units);
    assert_eq!(stop(&episode), "answered");
    assert_eq!((ledger.calls, ledger.faults.iter().sum::<u64>()), (1, 3));
    for kind in ["malformed_call", "unknown_tool", "bad_arguments"] {
        let row = CallFault::NAMES.iter().position(|name| *name == kind);
        assert_eq!(ledger.faults[row.expect("a kind")], 1, "{kind}");
        let by_op = u64::from(kind == "bad_arguments");
        assert_eq!(ledger.ops[0].faults[row.expect("a kind")], by_op, "{kind}");
    }
    // One try fewer, and the third fault is the end.
    let rules = Rules {
        retries: 2,
        ..Rules::default()
    };
    let (episode, ledger) = played(&rules, &units);
    assert_eq!(
        (stop(&episode), ledger.stopped("bad_arguments")),
        ("bad_arguments", 1)
    );
    assert_eq!(episode.rounds.len(), 4);
}

#[test]
fn the_policy_is_told_the_fault_in_its_words() {
    let pair = pair(3, 24);
    let rules = Rules {
        retries: 1,
        ..Rules::default()
    };
    let mut episode = Episode::open(&pair, 0, &rules);
    let reply = Reply {
        text: call("select_frames", "0"),
        tokens: 9,
        ..Reply::default()
    };
    episode.advance::<AllOps>(Ok(reply), &pair, &rules);
    let Some(Observation::Fault(fault)) = episode.observation(&rules) else {
        panic!("the episode goes on with a fault");
    };
    assert_eq!(
        fault.to_string(),
        "select_frames was not run: target_frames[0]: 0 is before the first frame; \
         frames are numbered from 1 to 48"
    );
}

#[test]
fn the_call_after_the_last_one_is_told_where_there_are_retries() {
    let rules = Rules {
        retries: 1,
        max_calls: 1,
        ..Rules::default()
    };
    let calls = call("select_frames", "12");
    let (episode, ledger) = played(&rules, &[calls.clone(), calls.clone(), answer()]);
    assert_eq!((stop(&episode), ledger.calls), ("answered", 1));
    let (episode, _) = played(&rules, &[calls.clone(), calls.clone(), calls]);
    assert_eq!(stop(&episode), "call_beyond_limit");
}

#[test]
fn a_call_that_cannot_be_read_is_a_fault_of_format_even_when_mended() {
    let truth = vrt_core::trace::read_unit(&answer())
        .expect("a unit")
        .judgment()
        .verdict;
    let rules = Rules {
        retries: 1,
        ..Rules::default()
    };
    let judged = |unit: String| -> Judged { played(&rules, &[unit, answer()]).0.judged(truth) };
    assert!(judged(call("select_frames", "12,,")).format.is_err());
    assert!(
        judged(call("select_frames", "400")).format.is_ok(),
        "well formed, only wrong"
    );
}

#[test]
fn a_budget_forgets_by_cost_and_an_outcome_can_be_recalled() {
    let rules = Rules {
        window: MemoryWindow {
            width: 3,
            budget: Some(4),
        },
        ..Rules::default()
    };
    let recall = calling(&[("recall", "{\"outcome\": 1}")]);
    let units = [
        call("select_frames", "1, 2, 3"),
        call("select_frames", "4, 5"),
        recall.clone(),
        answer(),
    ];
    let (episode, ledger) = played(&rules, &units);
    assert_eq!(stop(&episode), "answered");
    assert_eq!(shown(&episode), [vec![1, 2, 3], vec![4, 5], vec![1, 2, 3]]);
    assert_eq!(episode.oldest(&rules), 3, "3 + 2 tokens do not fit into 4");
    let recalls = ledger
        .ops
        .iter()
        .find(|op| op.name == "recall")
        .expect("a row");
    assert_eq!((recalls.calls, recalls.views), (1, 3));
    // What is still in view is not recalled.
    let (episode, _) = played(&rules, &[call("select_frames", "1"), recall]);
    assert_eq!(stop(&episode), "refused");
    let (episode, _) = played(&rules, &[call("select_frames", "1, 2, 3, 4, 5")]);
    assert_eq!(stop(&episode), "over_budget");
}

#[test]
fn calls_of_one_unit_share_the_budget() {
    let rules = Rules {
        window: MemoryWindow {
            width: 3,
            budget: Some(4),
        },
        several: SeveralCalls::All,
        ..Rules::default()
    };
    let (a, b) = (select("1, 2, 3"), select("4, 5"));
    let (episode, _) = played(&rules, &[calling(&[(a.0, &a.1), (b.0, &b.1)])]);
    assert_eq!(stop(&episode), "over_budget");
}
