//! What a record says of an episode.

use std::sync::Arc;

use vrt_core::episode::Rules;
use vrt_core::objective::{Objective, VrThinker};
use vrt_core::pair::PairKey;
use vrt_core::reward::Group;
use vrt_core::window::MemoryWindow;
use vrt_view::{Advantage, Context, Pictures, RewardRecord, TraceRecord, VideoName};

use crate::support::{Flat, answers, asks, looked_twice, pair, played};

#[test]
fn a_record_says_what_was_seen_written_called_and_forgotten() {
    let mut record = looked_twice();
    // A picture is two hundred letters that nobody can read; which there are is what matters.
    for uri in record.pictures.values_mut() {
        assert!(uri.starts_with("data:image/png;base64,"));
        "…".clone_into(uri);
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&record).unwrap());
}

#[test]
fn the_window_of_a_record_is_the_rules_window() {
    let pair = pair(24);
    let units: Vec<String> = (1..=3)
        .map(|n| asks("select_frames", &format!("{{\"target_frames\": [{n}]}}")))
        .collect();
    let visible = |width| -> Vec<Vec<String>> {
        let rules = Rules {
            window: MemoryWindow::new(width),
            ..Rules::default()
        };
        let episode = played(&pair, &rules, &units);
        let record = TraceRecord::new(&episode, &pair, &rules, Context::default()).unwrap();
        let rounds = record.rounds.into_iter();
        rounds.map(|round| round.window.visible).collect()
    };
    assert_eq!(visible(0), [vec![""; 0], vec![], vec![]]);
    assert_eq!(visible(1), [["1"], ["2"], ["3"]]);
    assert_eq!(visible(2), [vec!["1"], vec!["1", "2"], vec!["2", "3"]]);
}

#[test]
fn a_fault_is_told_and_its_call_is_not_carried_out() {
    let pair = pair(24);
    let rules = Rules {
        retries: 1,
        ..Rules::default()
    };
    let units = [
        asks("select_frames", r#"{"target_frames": [129]}"#),
        asks("guess", "{}"),
    ];
    let episode = played(&pair, &rules, &units);
    let record = TraceRecord::new(&episode, &pair, &rules, Context::default()).unwrap();
    let told = |round: usize| record.rounds[round].fault.clone().unwrap();
    assert_eq!(told(0).name, "bad_arguments");
    assert!(told(0).text.contains("129"), "{}", told(0).text);
    assert_eq!(record.rounds[0].calls[0].views, None);
    assert_eq!(record.rounds[0].views, None);
    let stop = record.stop.unwrap();
    assert_eq!(stop.name, "unknown_tool");
    assert_eq!(stop.text, Some(told(1).text));
    assert_eq!(record.answer, None);
}

#[test]
fn pictures_are_those_that_were_asked_for() {
    let pair = pair(24);
    let rules = Rules::default();
    let episode = played(&pair, &rules, &[answers()]);
    let kept = |pictures| {
        let context = Context {
            pictures,
            ..Context::default()
        };
        TraceRecord::new(&episode, &pair, &rules, context)
            .unwrap()
            .pictures
            .len()
    };
    assert_eq!(kept(Pictures::None), 0);
    assert_eq!(kept(Pictures::Shown), 8);
    assert_eq!(kept(Pictures::Strips { per_video: 24 }), 48);
    assert_eq!(kept(Pictures::Strips { per_video: 4 }), 8);
}

#[test]
fn a_frame_that_cannot_be_produced_is_named() {
    let mut pair = pair(24);
    pair.videos[0] = Arc::new(Flat {
        frames: 24,
        broken: Some(3),
    });
    let rules = Rules::default();
    let episode = played(&pair, &rules, &[answers()]);
    let error = TraceRecord::new(&episode, &pair, &rules, Context::default()).unwrap_err();
    assert_eq!(error.to_string(), "flat.mp4: frame 3: torn");
}

#[test]
fn an_episode_of_another_pair_is_refused() {
    let rules = Rules::default();
    let episode = played(&pair(24), &rules, &[answers()]);
    let other = vrt_core::pair::PreferencePair {
        key: PairKey(1),
        ..pair(24)
    };
    let error = TraceRecord::new(&episode, &other, &rules, Context::default()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("0x0300000000000007"), "{message}");
}

#[test]
fn rewards_keep_their_terms_shares_and_abstentions() {
    let pair = pair(24);
    let rules = Rules::default();
    let truth = pair.truth.unwrap();
    let right = played(&pair, &rules, &[answers()]).judged(truth);
    let wrong = played(&pair, &rules, &["no unit".to_owned()]).judged(truth);
    let sheet = VrThinker::default().score(&Group {
        samples: &[right, wrong],
    });
    let shares = [0.5, 0.25, 0.0, 0.0];
    let advantage = Advantage {
        value: 0.75,
        shares: &shares,
    };
    let first = RewardRecord::new(&sheet.samples[0], Some(advantage));
    let names: Vec<&str> = first.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(names, VrThinker::TERMS);
    assert_eq!(first.advantage, Some(0.75));
    assert_eq!(first.terms[1].share, Some(0.25));
    assert_eq!(first.terms[1].raw, Some(1.0));
    let second = RewardRecord::new(&sheet.samples[1], None);
    let silent = second.terms.iter().find(|term| term.raw.is_none()).unwrap();
    assert!(silent.abstains.is_some() && silent.weighted.is_none());
    assert_eq!(silent.share, None);
}

#[test]
fn videos_are_named_by_whoever_knows_them() {
    let pair = pair(24);
    let rules = Rules::default();
    let episode = played(&pair, &rules, &[answers()]);
    let named = |name: &str, fps| VideoName {
        name: name.to_owned(),
        fps,
    };
    let context = Context {
        videos: [named("a.mp4", Some(23.976)), VideoName::default()],
        seconds: &[1.5],
        ..Context::default()
    };
    let record = TraceRecord::new(&episode, &pair, &rules, context).unwrap();
    let [first, second] = &record.videos;
    assert_eq!(
        (first.name.as_str(), first.fps, first.frames),
        ("a.mp4", Some(23.976), 24)
    );
    assert_eq!((second.name.as_str(), second.fps), ("video 2", None));
    assert_eq!(record.rounds[0].seconds, Some(1.5));
}
