//! The stranger's operation, term and objective at work: `tests/stranger` declares them with `vrt-core` alone.

use std::sync::Arc;

use serde_json::json;
use stranger::{BothOps, Brief, NoOps, brevity};
use vrt_core::episode::{Rules, StopReason};
use vrt_core::objective::{Objective, Reduce};
use vrt_core::op::{OpSet, Workspace};
use vrt_core::pair::{
    Frame, FrameOffset, Judgment, PairKey, Preference, PreferencePair, Side, Verdict, Video,
    VideoError,
};
use vrt_core::policy::Replay;
use vrt_core::reward::{Group, Judged, RewardTerm, Score};
use vrt_core::rollout::rollout;

struct Blank;

impl Video for Blank {
    fn len(&self) -> u32 {
        10
    }

    fn frame(&self, _: FrameOffset) -> Result<Frame, VideoError> {
        Ok(Frame {
            width: 1,
            height: 1,
            rgb: Arc::new([0.0; 3]),
        })
    }
}

fn pair() -> PreferencePair {
    PreferencePair {
        key: PairKey(1),
        caption: "a dog".to_owned(),
        videos: [Arc::new(Blank), Arc::new(Blank)],
        truth: None,
    }
}

#[test]
fn a_foreign_operation_runs_through_a_set() {
    let pair = pair();
    let mut view = Workspace::new(&pair);
    assert_eq!(BothOps::NAMES, ["select_frames", "clip"]);
    let outcome = BothOps::call("clip", &json!({"from": 8, "count": 3}), &mut view)
        .expect("frames 8 to 10 are in video 1");
    let numbers: Vec<u32> = outcome
        .views
        .iter()
        .map(|view| view.frame().get())
        .collect();
    assert_eq!(numbers, [8, 9, 10]);
    assert_eq!(
        pair.pool()
            .locate(outcome.views[2].frame())
            .map(|(side, _)| side),
        Some(Side::First)
    );
}

#[test]
fn a_foreign_operation_speaks_to_the_model_in_its_own_words() {
    let pair = pair();
    let mut view = Workspace::new(&pair);
    let mut error = |name: &str, arguments| {
        BothOps::call(name, &arguments, &mut view)
            .expect_err("the call is wrong")
            .to_string()
    };
    assert_eq!(
        error("clip", json!({"from": 9, "count": 3})),
        "clip was not run: video 1 ends before 3 frames; ask for fewer frames or begin earlier"
    );
    assert_eq!(
        error("clip", json!({"from": 21, "counts": 9})),
        "clip was not run: from: 21 is beyond the pool of 20 frames; \
         count: missing; it is required: How many frames to look at; \
         counts: no such argument; did you mean `count`?"
    );
    assert_eq!(
        error("clap", json!({})),
        "there is no tool `clap`; did you mean `clip`? The tools are `select_frames`, `clip`"
    );
}

#[test]
fn a_set_without_tools_says_so() {
    let pair = pair();
    let mut view = Workspace::new(&pair);
    assert!(NoOps::specs(&view.limits).is_empty());
    let error =
        NoOps::call("select_frames", &json!({}), &mut view).expect_err("nothing is offered");
    assert_eq!(
        error.to_string(),
        "there is no tool `select_frames`; no tools are offered; give an answer"
    );
}

#[test]
fn a_foreign_term_scores_in_an_objective() {
    let verdict = Verdict {
        dimensions: [Preference::First; 3],
        overall: Preference::First,
    };
    let judgment = Judgment {
        verdict,
        confidence: None,
    };
    let sample = |units: usize| Judged {
        truth: verdict,
        format: Ok(()),
        judgments: vec![judgment; units],
        answer: (units > 0).then_some(judgment),
        tool_calls: 0,
    };
    let samples = [sample(1), sample(4), sample(0)];
    let group = Group { samples: &samples };
    let sheet = Brief::default().score(&group);
    // 1 + 2·1, then 0.5·(−0.25·2) less.
    assert_eq!(sheet.samples[0].total, Some(3.0));
    assert_eq!(sheet.samples[1].total, Some(2.75));
    let row = sheet.samples[2].term("brevity").expect("brevity has a row");
    assert_eq!(
        row.raw,
        Score::abstain("no unit is in format, so there is none to count")
    );
    assert_eq!(
        brevity::DEFAULT.score(&samples[1], &group),
        Score::Value(-0.5)
    );
}

#[test]
fn a_foreign_objective_says_how_it_is_learned_from() {
    let brief = Brief::default();
    assert_eq!(brief.loss().reduce, Reduce::SumOverConstant(512.0));
    assert!(!brief.resample().draws_again(8, 8));
    brief.validate().expect("the declared numbers hold");
}

/// A unit that calls, recommending video 1.
fn calling(name: &str, arguments: &serde_json::Value) -> String {
    format!(
        "<Snapshot>a dog</Snapshot><Think>look</Think>\
         <Recommend Answer>TA=1, VQ=1, MQ=1, OA=1, CF=3</Recommend Answer>\
         <tool_call>{{\"name\": \"{name}\", \"arguments\": {arguments}}}</tool_call>"
    )
}

fn answering() -> String {
    "<Snapshot>a dog</Snapshot><Think>seen</Think><Answer>TA=1, VQ=1, MQ=1, OA=1</Answer>"
        .to_owned()
}

#[test]
fn a_foreign_operation_and_objective_run_in_episodes() {
    let clip = |from: u32, count: u32| calling("clip", &json!({"from": from, "count": count}));
    let select = calling("select_frames", &json!({"target_frames": [20, 1]}));
    let units = [
        vec![clip(8, 3), select, clip(19, 2), answering()],
        vec![answering()],
        vec![clip(9, 3)],
        vec!["a dog".to_owned()],
    ];
    let pairs = [pair()];
    let records = units
        .into_iter()
        .enumerate()
        .map(|(sample, units)| (PairKey(1), sample as u32, units));
    let replay = Replay::new(records.collect());
    let (rollouts, ledger) =
        rollout::<BothOps, _>(&replay, &pairs, 4, &Rules::default(), 2).expect("the pair opens");
    let stopped = ["answered", "malformed", "refused"].map(|name| ledger.stopped(name));
    assert_eq!((ledger.asked, stopped), (4, [2, 1, 1]));
    assert_eq!((ledger.calls, ledger.callers), (3, 1));

    let episodes: Vec<_> = rollouts[0]
        .samples
        .iter()
        .map(|sample| &sample.episode)
        .collect();
    let outcomes = episodes[0]
        .rounds
        .iter()
        .filter_map(|round| round.outcome.as_ref());
    let shown: Vec<Vec<u32>> = outcomes
        .map(|outcome| {
            outcome
                .views
                .iter()
                .map(|view| view.frame().get())
                .collect()
        })
        .collect();
    assert_eq!(shown, [vec![8, 9, 10], vec![20, 1], vec![19, 20]]);
    let Some(StopReason::Fault(error)) = &episodes[2].stop else {
        panic!("the call is refused")
    };
    assert!(
        error
            .to_string()
            .starts_with("clip was not run: video 1 ends before 3 frames"),
        "{error}"
    );

    let truth = Verdict {
        dimensions: [Preference::First; 3],
        overall: Preference::First,
    };
    let judged: Vec<Judged> = episodes
        .iter()
        .map(|episode| episode.judged(truth))
        .collect();
    let sheet = Brief::default().score(&Group { samples: &judged });
    let totals: Vec<Option<f64>> = sheet.samples.iter().map(|sample| sample.total).collect();
    // format + 2·accuracy + ½·brevity, where brevity is −¼ for each unit after the second.
    assert_eq!(
        totals,
        [Some(3.0 - 0.5 * 0.5), Some(3.0), Some(0.0), Some(0.0)]
    );
    assert!(
        judged[2]
            .format
            .as_ref()
            .is_err_and(|fault| *fault == error.to_string())
    );
    let abstains = |sample: usize, term: &str| {
        sheet.samples[sample]
            .term(term)
            .is_some_and(|row| row.raw.value().is_none())
    };
    assert!(abstains(2, "accuracy") && !abstains(2, "brevity"));
    assert!(abstains(3, "accuracy") && abstains(3, "brevity"));
    assert!(
        rollouts[0]
            .samples
            .iter()
            .all(|sample| sample.sequence.is_none())
    );
}
