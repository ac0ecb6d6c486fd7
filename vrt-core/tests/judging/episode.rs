use vrt_core::episode::{CallFault, Episode, Rules, StopReason};
use vrt_core::op::{ArgError, OpError, OpSet, PaperOps};
use vrt_core::pair::{FrameIndex, FrameOffset, PairKey, Preference, Verdict, VideoError};
use vrt_core::policy::{PolicyError, Replay, Reply};
use vrt_core::rollout::rollout;
use vrt_core::view::View;

use crate::support::{answer, call, pair};

/// The episode that these replies make of a pair of twice 24 frames.
fn played(units: &[String]) -> Episode {
    let pairs = [pair(3, 24)];
    let replay = Replay::new(vec![(PairKey(3), 0, units.to_vec())]);
    let (mut rollouts, ledger) =
        rollout::<PaperOps, _>(&replay, &pairs, 1, &Rules::default(), 1).expect("the pair opens");
    assert!(ledger.balances());
    assert_eq!(ledger.asked, 1);
    rollouts.remove(0).samples.remove(0).episode
}

/// The name and the words of an ending.
fn ending(episode: &Episode) -> (&'static str, Option<String>) {
    let stop = episode.stop.as_ref().expect("the episode is over");
    (stop.name(), stop.fault())
}

#[test]
fn an_answer_ends_an_episode_in_format() {
    let episode = played(&[call("select_frames", "12, 40"), answer()]);
    assert_eq!(ending(&episode), ("answered", None));
    assert_eq!((episode.calls(), episode.rounds.len()), (1, 2));
    let shown = episode.rounds[0]
        .outcome
        .as_ref()
        .map(|outcome| outcome.views.clone());
    let asked = [12, 40].into_iter().filter_map(FrameIndex::new);
    assert_eq!(shown, Some(asked.map(View::Frame).collect()));
    assert!(episode.rounds[1].outcome.is_none());
    let initial: Vec<u32> = episode.initial.iter().map(|frame| frame.get()).collect();
    assert_eq!(initial, [4, 10, 16, 22, 28, 34, 40, 46]);
}

#[test]
fn a_reply_that_is_no_unit_ends_it() {
    let episode = played(&["Sure!".to_owned()]);
    let fault = "byte 0: text outside of every tag: \"Sure!\"";
    assert_eq!(ending(&episode), ("malformed", Some(fault.to_owned())));
    assert_eq!(episode.rounds.len(), 1, "what the policy wrote is kept");
    assert_eq!(episode.answer(), None);
}

#[test]
fn a_refused_call_ends_it_with_the_operations_words() {
    let episode = played(&[call("select_frames", "12, 129")]);
    let fault = "select_frames was not run: target_frames[1]: 129 is beyond the pool of 48 frames";
    assert_eq!(ending(&episode), ("bad_arguments", Some(fault.to_owned())));
    let episode = played(&[call("select_frame", "12")]);
    let fault = "there is no tool `select_frame`; did you mean `select_frames`? The tools are `select_frames`";
    assert_eq!(ending(&episode), ("unknown_tool", Some(fault.to_owned())));
    assert_eq!(episode.calls(), 0);
    assert!(
        episode.rounds[0].unit.is_some(),
        "the unit itself is in format"
    );
}

#[test]
fn the_call_after_the_last_one_allowed_ends_it() {
    let calls: Vec<String> = (1..5)
        .map(|i| call("select_frames", &i.to_string()))
        .collect();
    let episode = played(&calls);
    let fault = "no tool call is left; give an answer";
    assert_eq!(
        ending(&episode),
        ("call_beyond_limit", Some(fault.to_owned()))
    );
    assert_eq!((episode.calls(), episode.rounds.len()), (3, 4));
}

#[test]
fn a_policy_that_fails_ends_it() {
    let episode = played(&[call("select_frames", "12")]);
    let fault = "pair 0x0000000000000003: the recording ends before the episode does";
    assert_eq!(ending(&episode), ("policy_failed", Some(fault.to_owned())));
    assert_eq!(episode.rounds.len(), 1);
}

#[test]
fn a_cut_reply_ends_it_unless_it_is_a_whole_unit() {
    let pair = pair(3, 24);
    let rules = Rules::default();
    let cut = |text: String| {
        Ok(Reply {
            text,
            tokens: 64,
            cut: true,
            ..Reply::default()
        })
    };
    let mut episode = Episode::open(&pair, 0, &rules);
    episode.advance::<PaperOps>(cut("<Snapshot>a ri".to_owned()), &pair, &rules);
    assert!(episode.observation(&rules).is_none());
    assert_eq!(
        ending(&episode),
        ("cut", Some("the reply was cut off".to_owned()))
    );
    assert_eq!(episode.tokens(), 64);
    let mut episode = Episode::open(&pair, 0, &rules);
    episode.advance::<PaperOps>(cut(answer()), &pair, &rules);
    assert!(episode.observation(&rules).is_none());
    assert_eq!(ending(&episode), ("answered", None));
}

#[test]
fn without_calls_the_first_unit_must_answer() {
    let pairs = [pair(3, 24)];
    let rules = Rules {
        max_calls: 0,
        ..Rules::default()
    };
    let replay = Replay::new(vec![(PairKey(3), 0, vec![call("select_frames", "12")])]);
    let (_, ledger) =
        rollout::<PaperOps, _>(&replay, &pairs, 1, &rules, 1).expect("the pair opens");
    assert_eq!(ledger.stopped("call_beyond_limit"), 1);
}

#[test]
fn every_ending_has_a_row_of_its_own() {
    let unit = vrt_core::trace::read_unit("").expect_err("no text is no unit");
    let policy = PolicyError {
        pair: PairKey(0),
        reason: String::new(),
    };
    let (tool, what, cure) = ("zoom_in", String::new(), String::new());
    let error = ArgError {
        problems: Vec::new(),
    };
    let video = VideoError {
        video: String::new(),
        offset: FrameOffset(0),
        reason: String::new(),
    };
    let faults = [
        CallFault::Malformed(unit.clone()),
        CallFault::Several { calls: 2 },
        CallFault::BeyondLimit { asked: 1, left: 0 },
        PaperOps::unknown("zoom").into(),
        OpError::Arguments { tool, error }.into(),
        OpError::Refused { tool, what, cure }.into(),
        OpError::OverBudget {
            tool,
            cost: 4,
            budget: 3,
        }
        .into(),
        OpError::Video(video).into(),
        OpError::CostsMore {
            tool,
            cost: 4,
            declared: 3,
        }
        .into(),
    ];
    let mut all = vec![
        StopReason::Answered,
        StopReason::Malformed(unit),
        StopReason::Cut,
        StopReason::Policy(policy),
    ];
    all.extend(faults.map(StopReason::Fault));
    let rows: Vec<usize> = all.iter().map(StopReason::row).collect();
    assert_eq!(rows, (0..StopReason::NAMES.len()).collect::<Vec<_>>());
    assert!(
        all.iter()
            .all(|stop| stop.fault().is_none() == (*stop == StopReason::Answered))
    );
}

#[test]
fn reward_terms_see_every_recommended_judgment_and_the_answer() {
    let truth = Verdict {
        dimensions: [Preference::First, Preference::Tie, Preference::Second],
        overall: Preference::First,
    };
    let episode = played(&[call("select_frames", "12"), answer()]);
    let judged = episode.judged(truth);
    assert_eq!(judged.format, Ok(()));
    assert_eq!((judged.tool_calls, judged.judgments.len()), (1, 2));
    assert_eq!(judged.judgments[0].verdict.overall, Preference::Second);
    assert_eq!(judged.answer.map(|answer| answer.verdict), Some(truth));
    let cut_short = played(&[call("select_frames", "12")]).judged(truth);
    assert_eq!(cut_short.answer, None, "a recommendation is no answer");
    assert!(cut_short.format.is_err());
    let running = Episode::open(&pair(3, 24), 0, &Rules::default());
    assert_eq!(
        running.judged(truth).format,
        Err("the episode is not over".to_owned())
    );
}
