//! Chat messages, pictures and loss spans.

use std::fs;
use std::path::Path;

use serde_json::Value;
use vrt_core::episode::Rules;
use vrt_train::atomic;
use vrt_view::{TraceRecord, jsonl};

use crate::recorded::{RIGHT, answer, call, record, rules, text, vrt};

fn looked(rules: &Rules) -> TraceRecord {
    let units = [
        call("{\"target_frames\": [3]}"),
        call("{\"target_frames\": [70]}"),
        answer(RIGHT),
    ];
    record(5, 2, &units, rules)
}

fn exported(folder: &Path, more: &[&str]) -> Vec<Value> {
    let record = looked(&rules());
    atomic::write(&folder.join("t.jsonl"), jsonl::write(&[record]).as_bytes()).unwrap();
    let arguments = ["traces", "export", "t.jsonl", "--out", "sft.jsonl"];
    let done = vrt(&[&arguments, more].concat(), folder);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let lines = fs::read_to_string(folder.join("sft.jsonl")).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Pictures are named by what they show, so that a snapshot can be read.
fn readable(mut example: Value, record: &TraceRecord) -> String {
    for message in example["messages"].as_array_mut().unwrap() {
        for part in message["content"].as_array_mut().unwrap() {
            if part["type"] == "image" {
                let shown = record
                    .pictures
                    .iter()
                    .find(|(_, uri)| part["image"] == **uri);
                part["image"] = format!("frame {}", shown.unwrap().0).into();
            }
        }
    }
    serde_json::to_string_pretty(&example).unwrap()
}

#[test]
fn a_unit_stands_in_the_messages_that_the_judge_saw() {
    let folder = tempfile::tempdir().unwrap();
    let examples = exported(folder.path(), &[]);
    assert_eq!(examples.len(), 3);
    insta::assert_snapshot!(readable(examples[2].clone(), &looked(&rules())));
    let last = |example: &Value| example["messages"].as_array().unwrap().len() - 1;
    for (example, messages) in examples.iter().zip([3, 5, 7]) {
        assert_eq!(last(example) + 1, messages);
        let loss = example["loss"].as_array().unwrap();
        assert_eq!(loss.len(), 1);
        assert_eq!(loss[0]["message"], last(example));
        let learned = example["messages"][last(example)]["content"][0]["text"]
            .as_str()
            .unwrap();
        assert_eq!(loss[0]["end"], learned.chars().count());
    }
}

#[test]
fn an_episode_is_one_line_with_every_picture_and_every_unit_learned() {
    let folder = tempfile::tempdir().unwrap();
    let [example] = &exported(folder.path(), &["--per", "episode", "--pictures", "folder"])[..]
    else {
        panic!("one line");
    };
    let messages = example["messages"].as_array().unwrap();
    let mut pictures = Vec::new();
    for part in messages
        .iter()
        .flat_map(|m| m["content"].as_array().unwrap())
    {
        if let Some(path) = part["image"].as_str() {
            assert!(path.starts_with("sft.pictures/"), "{path}");
            assert!(image::open(folder.path().join(path)).is_ok());
            pictures.push(path.to_owned());
        }
    }
    assert_eq!(pictures.len(), 4, "two at first, one of each call");
    let learned: Vec<u64> = example["loss"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["message"].as_u64().unwrap())
        .collect();
    assert_eq!(learned, [2, 4, 6]);
}

#[test]
fn what_does_not_come_out_as_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut bare = looked(&rules());
    bare.pictures.clear();
    let mut other = looked(&rules());
    other.rounds[1].views.as_mut().unwrap()[0].key = "71".to_owned();
    let mut further = looked(&rules());
    let last = further.rounds[2].clone();
    further.rounds.push(last);
    let zoom = "<Snapshot>s</Snapshot>\n<Think>t</Think>\n<Recommend Answer>TA=1, VQ=0, MQ=2, OA=1, CF=2</Recommend Answer>\n\
        <tool_call>{\"name\": \"sample_range\", \"arguments\": {\"first\": 1, \"last\": 9, \"count\": 2}}</tool_call>";
    let zoomed = record(6, 0, &[zoom.to_owned(), answer(RIGHT)], &rules());
    let records = [bare, other, further, zoomed, looked(&rules())];
    atomic::write(
        &folder.path().join("t.jsonl"),
        jsonl::write(&records).as_bytes(),
    )
    .unwrap();
    let arguments = [
        "traces",
        "export",
        "t.jsonl",
        "--out",
        "o.jsonl",
        "--keep-going",
    ];
    let done = vrt(&arguments, folder.path());
    assert!(done.status.success());
    insta::assert_snapshot!(text(&done.stderr));
    insta::assert_snapshot!(text(&done.stdout));
    let stopped = vrt(&arguments[..5], folder.path());
    assert_eq!(stopped.status.code(), Some(3));
    // With its own operations the fourth can be played.
    let all = vrt(&[&arguments[..], &["--ops", "all"]].concat(), folder.path());
    assert!(
        text(&all.stdout).contains("       2  exported"),
        "{}",
        text(&all.stderr)
    );
}

#[test]
fn units_that_failed_carry_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let told = Rules {
        retries: 1,
        ..rules()
    };
    let units = [call("{\"target_frames\": [0]}"), answer(RIGHT)];
    let record = record(5, 0, &units, &told);
    atomic::write(
        &folder.path().join("t.jsonl"),
        jsonl::write(&[record]).as_bytes(),
    )
    .unwrap();
    for (per, lines) in [("unit", 1), ("episode", 1)] {
        let done = vrt(
            &[
                "traces",
                "export",
                "t.jsonl",
                "--out",
                "o.jsonl",
                "--retries",
                "1",
                "--per",
                per,
            ],
            folder.path(),
        );
        assert!(done.status.success(), "{}", text(&done.stderr));
        let written = fs::read_to_string(folder.path().join("o.jsonl")).unwrap();
        assert_eq!(written.lines().count(), lines);
        let example: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(example["loss"].as_array().unwrap().len(), 1, "{per}");
        assert_eq!(example["loss"][0]["message"], 4, "{per}");
    }
}
