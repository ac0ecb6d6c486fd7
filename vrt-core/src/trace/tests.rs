use proptest::prelude::*;

use super::*;
use crate::pair::{Confidence, Preference, Verdict};

const WORKED: &str = "<Snapshot>fingers of the left hand are blurred</Snapshot>\n<Think>hard to decide, zoom in on the fingers</Think>\n<Recommend Answer>TA=2, MQ=1, VQ=0, OA=0, CF=2</Recommend Answer>\n<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [12, 16, 20, 24, 76, 80, 84, 88]}}</tool_call>";

#[test]
fn the_papers_worked_unit_reads() {
    let unit = read_unit(WORKED).unwrap();
    let Action::Recommend { judgment, calls } = unit.action else {
        panic!("not a call")
    };
    assert_eq!(judgment.to_string(), "TA=2, VQ=0, MQ=1, OA=0, CF=2");
    assert_eq!(calls[0].name, "select_frames");
    assert_eq!(
        calls[0].arguments["target_frames"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
}

#[test]
fn tolerated_forms_read_as_the_canonical_one() {
    let canonical =
        "<Snapshot>s</Snapshot>\n<Think>t</Think>\n<Answer>TA=1, VQ=1, MQ=0, OA=1, CF=2</Answer>";
    for form in [
        "<SNAPSHOT>s</snapshot><think> t </ THINK>  <Answer>TA=1,VQ=1,MQ=0,OA=1,CF=2</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Final Answer>OA = 1, CF=2, MQ=0, VQ =1, ta=1</ final  answer >\n",
        " < snapshot >s</Snapshot><Think>t</Think><answer>TA=1, VQ=1, MQ=0, OA=1, CF=2</ answer>",
    ] {
        assert_eq!(read_unit(form).unwrap().to_string(), canonical, "{form}");
    }
}

#[test]
fn every_malformed_kind_names_its_place() {
    let lines: Vec<String> = [
        "",
        "Sure! <Snapshot>s</Snapshot>",
        "<Snapshot>s",
        "<Snapshot>s<Think>t</Think>",
        "<Snapshot>s</Snapshot><Answer>TA=1, VQ=1, MQ=0, OA=1</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=3, VQ=1, MQ=0, OA=1</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, TA=1, VQ=1, MQ=0, OA=1</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0, OA=12</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0, OA=1, CF=0</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0, ZZ=1</Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer></Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0, OA=1</Answer> done",
        "<Snapshot>s</Snapshot><Think>t</Think><Answer>TA=1, VQ=1, MQ=0, OA=1</Answer><Think>more</Think>",
        "<Snapshot>s</Snapshot><Think>t</Think><Recommend Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Recommend Answer>",
        "<Snapshot>s</Snapshot><Think>t</Think><Recommend Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Recommend Answer><tool_call>[12]</tool_call>",
        "<Snapshot>s</Snapshot><Think>t</Think><Recommend Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Recommend Answer><tool_call>{\"name\": \"select_frames\"}</tool_call>",
        "<Snapshot>s</Snapshot><Think>t</Think><Recommend Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Recommend Answer><tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [1,]}}</tool_call>",
        "<Snapshot>s</Snapshot><Think>t</Think><Recommend Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Recommend Answer><tool_call>{\"name\": \"a\", \"arguments\": {}, \"id\": 1}</tool_call>",
    ]
    .iter()
    .map(|text| format!("{text}\n  → {}", read_unit(text).unwrap_err()))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

fn judgment() -> impl Strategy<Value = Judgment> {
    (prop::array::uniform4(0u8..3), 0u8..4).prop_map(|(digits, confidence)| {
        let [ta, vq, mq, oa] = digits.map(|digit| Preference::from_digit(digit).unwrap());
        Judgment {
            verdict: Verdict {
                dimensions: [ta, vq, mq],
                overall: oa,
            },
            confidence: Confidence::from_digit(confidence),
        }
    })
}

fn prose() -> impl Strategy<Value = Prose> {
    // Angle brackets and tag-like text included: whatever `Prose` accepts must survive.
    "[ a-z<>/=é\n]{0,12}(Think>|<b>|answer)?[ a-z<>]{0,6}"
        .prop_filter_map("holds a tag", |text| Prose::new(&text).ok())
}

fn action() -> impl Strategy<Value = Action> {
    let call = (
        "[a-z_\"\\\\<]{1,8}",
        prop::collection::vec(any::<u32>(), 0..9),
    )
        .prop_map(|(name, frames)| Call {
            name,
            arguments: serde_json::json!({ "target_frames": frames, "why": "a, b: c</tool_call>" }),
        });
    prop_oneof![
        judgment().prop_map(Action::Answer),
        (judgment(), prop::collection::vec(call, 1..4))
            .prop_map(|(judgment, calls)| Action::Recommend { judgment, calls }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(snapshot in prose(), think in prose(), action in action()) {
        let unit = Unit { snapshot, think, action };
        prop_assert_eq!(read_unit(&unit.to_string()), Ok(unit));
    }

    #[test]
    fn no_text_panics(text in "(<|>|/|[a-z ]|<Snapshot>|</Snapshot>|<Think>|</Think>|<Answer>|</Answer>|TA=1,|é|\\{|\"|=|,){0,40}") {
        if let Ok(unit) = read_unit(&text) {
            prop_assert_eq!(read_unit(&unit.to_string()), Ok(unit));
        }
    }
}
