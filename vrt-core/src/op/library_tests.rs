//! The operations of the library on videos whose pixels are known.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AllOps, Limits, OpError, OpSet, Outcome, Past, Workspace};
use crate::episode::Rules;
use crate::pair::{
    Frame, FrameIndex, FrameOffset, PairKey, PreferencePair, Side, Video, VideoError,
};
use crate::view::View;
use crate::window::MemoryWindow;

/// Frames of 8 × 4 pixels; the value at (x, y) of frame t is (t + x / 10 + y / 100) / 100 in each channel.
struct Counted(u32);

fn value(t: u32, x: u32, y: u32) -> f32 {
    (t as f32 + x as f32 / 10.0 + y as f32 / 100.0) / 100.0
}

impl Video for Counted {
    fn len(&self) -> u32 {
        self.0
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        let places = (0..4).flat_map(|y| (0..8).map(move |x| (x, y)));
        let rgb = places.flat_map(|(x, y)| [value(offset.0, x, y); 3]);
        Ok(Frame {
            width: 8,
            height: 4,
            rgb: rgb.collect(),
        })
    }
}

fn pair() -> PreferencePair {
    PreferencePair {
        key: PairKey(7),
        caption: "a hand".to_owned(),
        videos: [Arc::new(Counted(64)), Arc::new(Counted(64))],
        truth: None,
    }
}

fn call(name: &str, arguments: Value) -> Result<Outcome, String> {
    AllOps::call(name, &arguments, &mut Workspace::new(&pair())).map_err(|e| e.to_string())
}

fn numbers(outcome: &Outcome) -> Vec<u32> {
    outcome
        .views
        .iter()
        .map(|view| view.frame().get())
        .collect()
}

fn pixels(outcome: &Outcome) -> Frame {
    pair().view(outcome.views[0]).expect("the frames exist")
}

#[test]
fn zooming_cuts_the_region_out_of_the_decoded_frame() {
    let region = json!({"frame": 66, "left": 250, "top": 500, "right": 630, "bottom": 1000});
    let outcome = call("zoom_in", region).expect("a region of frame 2 of video 2");
    assert_eq!(numbers(&outcome), [66]);
    let shown = pixels(&outcome);
    // 630 thousandths of 8 pixels end inside the sixth one.
    assert_eq!((shown.width, shown.height), (4, 2));
    let expected: Vec<f32> = [2, 3]
        .into_iter()
        .flat_map(|y| (2..6).flat_map(move |x| [value(1, x, y); 3]))
        .collect();
    assert_eq!(&shown.rgb[..], expected);
}

#[test]
fn the_whole_region_is_the_frame() {
    let all = json!({"frame": 5, "left": 0, "top": 0, "right": 1000, "bottom": 1000});
    let outcome = call("zoom_in", all).expect("the whole frame");
    let frame = FrameIndex::new(5).expect("not 0");
    assert_eq!(pixels(&outcome), pair().frame(frame).expect("it exists"));
    assert_ne!(
        outcome.views[0],
        View::Frame(frame),
        "but it is another picture"
    );
}

#[test]
fn a_difference_is_grey_where_nothing_changed() {
    let outcome = call("frame_difference", json!({"before": 3, "after": 13})).expect("one video");
    assert_eq!(numbers(&outcome), [13]);
    let shown = pixels(&outcome);
    assert_eq!((shown.width, shown.height), (8, 4));
    // Every value rose by ten hundredths.
    assert!(
        shown.rgb.iter().all(|x| (x - 0.55).abs() < 1e-6),
        "{:?}",
        shown.rgb
    );
}

#[test]
fn a_range_is_spread_over_the_interval_with_both_ends() {
    let range = |first, last, count| {
        call(
            "sample_range",
            json!({"first": first, "last": last, "count": count}),
        )
        .map(|outcome| numbers(&outcome))
    };
    assert_eq!(range(10, 30, 5), Ok(vec![10, 15, 20, 25, 30]));
    assert_eq!(range(10, 13, 3), Ok(vec![10, 12, 13]));
    assert_eq!(range(10, 12, 8), Ok(vec![10, 11, 12]));
    assert_eq!(range(10, 20, 1), Ok(vec![15]));
    assert_eq!(range(7, 7, 1), Ok(vec![7]));
}

#[test]
fn what_cannot_be_done_is_told_with_its_cure() {
    let lines: Vec<String> = [
        (
            "zoom_in",
            json!({"frame": 3, "left": 600, "top": 0, "right": 200, "bottom": 1000}),
        ),
        (
            "zoom_in",
            json!({"frame": 3, "left": 0, "top": 500, "right": 200, "bottom": 500}),
        ),
        (
            "zoom_in",
            json!({"frame": 300, "left": 0, "top": 0, "right": 1001, "bottom": 500}),
        ),
        ("frame_difference", json!({"before": 3, "after": 3})),
        ("frame_difference", json!({"before": 64, "after": 65})),
        ("sample_range", json!({"first": 9, "last": 3, "count": 2})),
        ("sample_range", json!({"first": 60, "last": 70, "count": 2})),
        ("sample_range", json!({"first": 1, "last": 70, "count": 9})),
        ("recall", json!({"outcome": 1})),
        ("recall", json!({"outcome": "first"})),
    ]
    .into_iter()
    .map(|(name, arguments)| call(name, arguments).expect_err(name))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_model_is_offered_each_tool_with_the_numbers_of_its_workspace() {
    let rules = Rules {
        frames_a_call: 5,
        ..Rules::default()
    };
    let limits = Limits {
        outcomes: 2,
        ..rules.limits(pair().pool())
    };
    let lines: Vec<String> = AllOps::specs(&limits)
        .into_iter()
        .map(|op| op.signature)
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

fn shown(first: u32) -> Vec<View> {
    let frames = (first..first + 3).filter_map(FrameIndex::new);
    frames.map(View::Frame).collect()
}

#[test]
fn only_what_was_forgotten_is_recalled() {
    let pair = pair();
    let (old, new) = (shown(1), shown(70));
    let past = [
        Past {
            views: &old,
            visible: false,
        },
        Past {
            views: &new,
            visible: true,
        },
    ];
    let rules = Rules::default();
    let recall = |number: u32| {
        let mut view = Workspace::over(&pair, &rules, &past);
        AllOps::call("recall", &json!({"outcome": number}), &mut view)
    };
    assert_eq!(recall(1).expect("it was forgotten").views, old);
    let words = |number| recall(number).expect_err("nothing to recall").to_string();
    assert_eq!(
        words(2),
        "recall was not run: outcome 2 is still in view; look at it, or name an older one"
    );
    assert_eq!(
        words(3),
        "recall was not run: outcome: there is no outcome 3; outcomes are numbered from 1 to 2"
    );
}

#[test]
fn what_the_memory_cannot_hold_is_refused_before_any_work_is_done() {
    let pair = pair();
    let rules = Rules {
        window: MemoryWindow {
            width: 2,
            budget: Some(60),
        },
        frame_tokens: 20,
        ..Rules::default()
    };
    let old = shown(1);
    let past = [Past {
        views: &old,
        visible: false,
    }; 2];
    let ask = |name: &str, arguments: Value| {
        AllOps::call(name, &arguments, &mut Workspace::over(&pair, &rules, &past))
            .map(|outcome| outcome.cost(rules.frame_tokens))
    };
    assert_eq!(
        ask("select_frames", json!({"target_frames": [1, 2, 3]})),
        Ok(60)
    );
    assert_eq!(ask("recall", json!({"outcome": 2})), Ok(60));
    let error = ask("sample_range", json!({"first": 1, "last": 40, "count": 4}));
    assert_eq!(
        error,
        Err(OpError::OverBudget {
            tool: "sample_range",
            cost: 80,
            budget: 60
        })
    );
}

proptest! {
    #[test]
    fn a_range_stays_inside_ascends_and_costs_what_it_says(first in 1u32..=64, span in 0u32..64, count in 1u32..=8) {
        let last = (first + span).min(64);
        let arguments = json!({"first": first, "last": last, "count": count});
        let outcome = call("sample_range", arguments).expect("an interval of video 1");
        let frames = numbers(&outcome);
        prop_assert_eq!(frames.len() as u32, count.min(last - first + 1));
        prop_assert!(frames.is_sorted_by(|a, b| a < b) && (first..=last).contains(&frames[0]));
        prop_assert!(frames.iter().all(|frame| (first..=last).contains(frame)));
        prop_assert!(frames.len() == 1 || (frames[0], frames[frames.len() - 1]) == (first, last));
    }

    #[test]
    fn a_region_has_pixels_whatever_its_corners(
        frame in 1u32..=128,
        [left, right] in prop::array::uniform2(0u32..=1000),
        [top, bottom] in prop::array::uniform2(0u32..=1000),
    ) {
        let arguments = json!({"frame": frame, "left": left, "top": top, "right": right, "bottom": bottom});
        match call("zoom_in", arguments) {
            Err(_) => prop_assert!(left >= right || top >= bottom),
            Ok(outcome) => {
                let shown = pixels(&outcome);
                prop_assert!(shown.width >= 1 && shown.height >= 1);
                prop_assert_eq!(shown.rgb.len() as u32, shown.width * shown.height * 3);
            }
        }
    }

    #[test]
    fn a_difference_and_its_reverse_add_up_to_white(a in 1u32..=64, b in 1u32..=64, second: bool) {
        prop_assume!(a != b);
        let side = if second { Side::Second } else { Side::First };
        let shift = 64 * side as u32;
        let shown = |a: u32, b: u32| {
            let arguments = json!({"before": a + shift, "after": b + shift});
            pixels(&call("frame_difference", arguments).expect("one video"))
        };
        let (there, back) = (shown(a, b), shown(b, a));
        prop_assert!(there.rgb.iter().zip(back.rgb.iter()).all(|(x, y)| (x + y - 1.0).abs() < 1e-6));
    }
}
