use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    GrammarPart, Limits, Most, OpError, OpResult, OpSet, Outcome, PaperOps, Slot, VisualOp,
    Workspace, select_frames,
};
use crate::pair::{
    Frame, FrameIndex, FrameOffset, PairKey, Pool, PreferencePair, Video, VideoError,
};

struct Blank(u32);

impl Video for Blank {
    fn len(&self) -> u32 {
        self.0
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
        key: PairKey(7),
        caption: "a hand".to_owned(),
        videos: [Arc::new(Blank(64)), Arc::new(Blank(64))],
        truth: None,
    }
}

fn limits() -> Limits {
    Limits::new(Pool::new(64, 64))
}

fn frames(numbers: &[u32]) -> Vec<FrameIndex> {
    numbers
        .iter()
        .copied()
        .filter_map(FrameIndex::new)
        .collect()
}

fn fault(arguments: Value) -> String {
    select_frames::parse(&arguments, &limits())
        .expect_err("the arguments are wrong")
        .to_string()
}

#[test]
fn a_call_makes_its_frames_visible_in_the_order_asked() {
    let pair = pair();
    let mut view = Workspace::new(&pair);
    let outcome = PaperOps::call(
        "select_frames",
        &json!({"target_frames": [76, 12, 128]}),
        &mut view,
    );
    assert_eq!(outcome, Ok(Outcome::of_frames(frames(&[76, 12, 128]))));
    assert_eq!(
        select_frames(&mut view, frames(&[3])),
        Ok(Outcome::of_frames(frames(&[3]))),
        "the function stays callable"
    );
    assert!(matches!(
        select_frames(&mut view, frames(&[129])),
        Err(OpError::Refused { .. })
    ));
}

#[test]
fn the_model_reads_what_was_wrong_and_all_of_it() {
    assert_eq!(
        fault(json!({"target_frames": [12, 129]})),
        "target_frames[1]: 129 is beyond the pool of 128 frames"
    );
    assert_eq!(
        fault(json!({"target_frames": [0, 5, 5, "7", 1.5, -3]})),
        "target_frames[0]: 0 is before the first frame; frames are numbered from 1 to 128; \
         target_frames[2]: 5 is already in target_frames[1]; name each one once; \
         target_frames[3]: a text where a frame number belongs; \
         target_frames[4]: the number 1.5 where a frame number belongs; \
         target_frames[5]: -3 is before the first frame; frames are numbered from 1 to 128"
    );
    assert_eq!(
        fault(json!({"target_frame": [1]})),
        "target_frames: missing; it is required: Frame numbers in the pool of both videos; \
         target_frame: no such argument; did you mean `target_frames`?"
    );
    assert_eq!(
        fault(json!({"target_frames": []})),
        "target_frames: 0 values, but 1 to 8 are allowed"
    );
    assert_eq!(
        fault(json!({"target_frames": [1, 2, 3, 4, 5, 6, 7, 8, 9]})),
        "target_frames: 9 values, but 1 to 8 are allowed"
    );
    assert_eq!(
        fault(json!([1, 2])),
        "arguments: a list where an object of named arguments belongs"
    );
    assert_eq!(
        fault(json!({"target_frames": 5, "why": "fingers"})),
        "target_frames: the number 5 where a list belongs; \
         why: no such argument; this tool takes `target_frames`"
    );
}

#[test]
fn an_unknown_tool_names_the_one_that_was_meant() {
    let pair = pair();
    let mut view = Workspace::new(&pair);
    let mut text = |name: &str| match PaperOps::call(name, &json!({}), &mut view) {
        Ok(_) => "it ran".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        text("select_frame"),
        "there is no tool `select_frame`; did you mean `select_frames`? The tools are `select_frames`"
    );
    assert_eq!(
        text("zoom"),
        "there is no tool `zoom`; the tools are `select_frames`"
    );
    assert_eq!(
        text("select_frames"),
        "select_frames was not run: target_frames: missing; it is required: Frame numbers in the pool of both videos"
    );
}

#[test]
fn the_signature_and_the_schema_take_their_maximum_from_the_pool() {
    insta::assert_snapshot!(select_frames::signature(&limits()));
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&select_frames::schema(&limits())).expect("plain data")
    );
    let small = select_frames::schema(&Limits::new(Pool::new(3, 4)));
    assert_eq!(small["properties"]["target_frames"]["items"]["maximum"], 7);
}

#[test]
fn the_grammar_is_two_fixed_parts_around_the_frames() {
    let grammar = select_frames::grammar();
    assert_eq!(
        grammar.parts,
        [
            GrammarPart::Fixed(
                "<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": ["
                    .to_owned()
            ),
            GrammarPart::Slot(Slot::Frames {
                min: 1,
                max: Most::FramesACall
            }),
            GrammarPart::Fixed("]}}</tool_call>".to_owned()),
        ]
    );
    assert_eq!(PaperOps::grammars(), [grammar]);
}

#[test]
fn a_call_is_written_as_the_paper_prints_it() {
    let arguments = json!({"target_frames": [12, 16, 20, 24, 76, 80, 84, 88]});
    let call = PaperOps::parse("select_frames", &arguments, &limits()).expect("a valid call");
    assert_eq!(
        call.render(),
        "<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [12, 16, 20, 24, 76, 80, 84, 88]}}</tool_call>"
    );
}

/// Look at one stretch of a video.
#[vrt_macros::visual_op]
fn every_kind(
    _view: &mut Workspace<'_>,
    /// Where to begin.
    from: FrameIndex,
    /// How many.
    #[arg(range = 1..=4)]
    count: u32,
    /// How far apart, in either direction.
    #[arg(range = -5..=5)]
    steps: Step,
    /// How much closer.
    #[arg(range = 0.5..=4.0)]
    zoom: f64,
    /// Whether in colour.
    colour: bool,
    /// What for.
    #[arg(len = 0..=12)]
    reason: String,
) -> OpResult {
    let _ = (count, steps, zoom, colour, reason);
    Ok(Outcome::of_frames(vec![from]))
}

// An alias has the bounds of the type it stands for.
type Step = i64;

#[test]
fn every_kind_of_argument_reads_what_it_writes() {
    let arguments = json!({
        "from": 3, "count": 2, "steps": -5, "zoom": 1.5, "colour": true, "reason": "a \"hand\"",
    });
    let args = every_kind::parse(&arguments, &limits()).expect("all in bounds");
    let text = every_kind::render(&args);
    assert_eq!(
        text,
        "<tool_call>{\"name\": \"every_kind\", \"arguments\": {\"from\": 3, \"count\": 2, \"steps\": -5, \
         \"zoom\": 1.5, \"colour\": true, \"reason\": \"a \\\"hand\\\"\"}}</tool_call>"
    );
    insta::assert_snapshot!(every_kind::signature(&limits()));
    let wrong = json!({
        "from": 0, "count": 5, "steps": -6, "zoom": "near", "colour": 1, "reason": "far too many words",
    });
    insta::assert_snapshot!(every_kind::parse(&wrong, &limits()).expect_err("all out of bounds"));
}

/// The JSON between the tags, and the frames of a slot written by the grammar alone.
fn written_by_grammar(numbers: &[u32]) -> String {
    let mut text = String::new();
    for part in select_frames::grammar().parts {
        match part {
            GrammarPart::Fixed(fixed) => text.push_str(&fixed),
            GrammarPart::Slot(_) => {
                let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
                text.push_str(&words.join(", "));
            }
        }
    }
    text
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 10, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..10).prop_map(Value::from),
            prop::collection::btree_map("target_frames|from|count|.{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn parsing_any_json_ends_in_arguments_or_in_named_faults(value in any_json()) {
        if let Err(error) = select_frames::parse(&value, &limits()) {
            prop_assert!(!error.problems.is_empty());
        }
        if let Err(error) = every_kind::parse(&value, &limits()) {
            prop_assert!(!error.problems.is_empty());
        }
    }

    #[test]
    fn what_the_grammar_writes_parses_to_the_same_frames(
        chosen in prop::collection::btree_set(1u32..=128, 1..=8)
    ) {
        let numbers: Vec<u32> = chosen.into_iter().collect();
        let text = written_by_grammar(&numbers);
        let json = text
            .strip_prefix("<tool_call>")
            .and_then(|rest| rest.strip_suffix("</tool_call>"))
            .expect("tags");
        let call: Value = serde_json::from_str(json).expect("JSON");
        let name = call["name"].as_str().expect("a name");
        let parsed = PaperOps::parse(name, &call["arguments"], &limits()).expect("in bounds");
        let PaperOps::select_frames(args) = &parsed;
        prop_assert_eq!(&args.target_frames, &frames(&numbers));
        prop_assert_eq!(parsed.render(), text);
    }
}
