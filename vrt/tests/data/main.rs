//! Files in the published forms, with the published counts of labels.

use std::path::PathBuf;

use serde_json::{Value, json};
use vrt::data::{Benchmark, DataSet, DropReason, HardToJudge, TableError};
use vrt_core::pair::{Dimension, Preference};
use vrt_train::atomic;

mod rapidata;

struct File {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn file(text: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    atomic::write(&path, text.as_bytes()).unwrap();
    File {
        path,
        _folder: folder,
    }
}

fn load(benchmark: Benchmark, text: &str) -> DataSet {
    DataSet::load(benchmark, &file(text).path).unwrap()
}

fn error(benchmark: Benchmark, text: &str) -> String {
    DataSet::load(benchmark, &file(text).path)
        .unwrap_err()
        .to_string()
}

/// As many rows of each label as the published file holds.
fn rows(labels: &[(&str, usize)], row: impl Fn(usize, &str) -> Value) -> Vec<Value> {
    let labels = labels
        .iter()
        .flat_map(|(label, times)| std::iter::repeat_n(*label, *times));
    labels.enumerate().map(|(i, label)| row(i, label)).collect()
}

const GENAI: [(&str, usize); 4] = [
    ("rightvote", 651),
    ("leftvote", 619),
    ("bothbad_vote", 404),
    ("tievote", 215),
];

fn check_genai(set: &DataSet) {
    assert_eq!((set.rows, set.pairs.len()), (1889, 1889));
    for (label, times) in GENAI {
        assert_eq!(set.counts[label], times, "{label}");
    }
    let of = |preference| {
        let mut pairs = set.pairs.iter().map(|pair| pair.labels.overall);
        pairs.by_ref().filter(|label| *label == preference).count()
    };
    assert_eq!(of(Some(Preference::First)), 619);
    assert_eq!(of(Some(Preference::Second)), 651);
    assert_eq!(of(Some(Preference::Tie)), 404 + 215);
}

#[test]
fn genai_bench_in_unified_rewards_form() {
    let rows = rows(
        &GENAI,
        |i, vote| json!({"id": i, "prompt": "a cat", "video_left": format!("l/{i}.mp4"), "video_right": format!("r/{i}.mp4"), "vote_type": vote}),
    );
    check_genai(&load(Benchmark::GenAiBench, &Value::from(rows).to_string()));
}

#[test]
fn genai_bench_in_the_hubs_form_as_json_lines_and_as_csv() {
    let rows = rows(
        &GENAI,
        |i, vote| json!({"prompt": "a cat, \"asleep\"", "left_model": "m", "left_video": format!("l/{i}.mp4"), "right_model": "n", "right_video": format!("r/{i}.mp4"), "vote_type": vote}),
    );
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let from_lines = load(Benchmark::GenAiBench, &lines.join("\n"));
    check_genai(&from_lines);
    let mut csv = "right_video,vote_type,prompt,left_video\r\n".to_owned();
    for row in &rows {
        let cell = |column: &str| row[column].as_str().unwrap();
        csv += &format!(
            "{},{},\"a cat, \"\"asleep\"\"\",{}\r\n",
            cell("right_video"),
            cell("vote_type"),
            cell("left_video")
        );
    }
    assert_eq!(load(Benchmark::GenAiBench, &csv), from_lines);
}

#[test]
fn mj_bench_video_with_its_cases() {
    let labels = [
        ("Same", 959),
        ("Video 1 better", 66),
        ("Video 1 Better", 6),
        ("Video 2 better", 46),
        ("Hard to judge", 8),
    ];
    let rows = rows(&labels, |i, label| {
        json!({"caption": "a dog", "video_0_path": format!("v/{i}_0.mp4"), "video_1_path": format!("v/{i}_1.mp4"),
            "category_preference": {"Alignment": "Video 2 Better", "Safety": "Same", "Fineness": "Hard to judge", "Coherence & Consistency": "same", "Bias": "Same"},
            "overall_preference": label, "discard": false})
    });
    let text = Value::from(rows).to_string();
    let set = load(Benchmark::MjBenchVideo(HardToJudge::Drop), &text);
    let counted = |label: &str| set.counts[label];
    assert_eq!(set.rows, 1085);
    assert_eq!(counted("same"), 959);
    assert_eq!(counted("video 1 better"), 72);
    assert_eq!(counted("video 2 better"), 46);
    assert_eq!(counted("hard to judge"), 8);
    assert_eq!(set.drops()["hard to judge"], 8);
    assert_eq!(set.pairs.len() + set.dropped.len(), set.rows);
    let labels = set.pairs[0].labels;
    assert_eq!(
        labels.get(Dimension::TextAlignment),
        Some(Preference::Second)
    );
    assert_eq!(labels.get(Dimension::VisualQuality), None);
    assert_eq!(labels.get(Dimension::MotionQuality), Some(Preference::Tie));
    // 959 of 1,077 and, with the undecided ones as ties, 967 of 1,085.
    assert!((set.always_tie() - 89.04).abs() < 0.01);
    let ties = load(Benchmark::MjBenchVideo(HardToJudge::Tie), &text);
    assert!((ties.always_tie() - 89.12).abs() < 0.01);
}

const VIDEOGEN: &str = "\
num_frames_B,Overall,MQ,prompt,path_A,path_B,TA,VQ
48,A,B,a boat,a/1.mp4,b/1.mp4,same,A
48,,B,a boat,a/2.mp4,b/2.mp4,same,A
48,NaN,B,a boat,a/3.mp4,b/3.mp4,same,A
48,C,B,a boat,a/4.mp4,b/4.mp4,same,A
48,same,,a boat,a/5.mp4,b/5.mp4,,A
48,B,A,,a/6.mp4,b/6.mp4,A,A
48,B,A,a boat,../../etc/passwd,b/7.mp4,A,A
48,B,A,a boat,a/8.mp4,/etc/passwd,A,A
";

#[test]
fn videogen_rewardbench_by_column_name_with_a_reason_for_every_dropped_row() {
    let set = load(Benchmark::VideoGenRewardBench, VIDEOGEN);
    assert_eq!(set.counts[""], 2);
    let first = &set.pairs[0];
    assert_eq!(first.videos, ["a/1.mp4", "b/1.mp4"]);
    assert_eq!(first.labels.overall, Some(Preference::First));
    assert_eq!(
        first.labels.dimensions,
        [
            Some(Preference::Tie),
            Some(Preference::First),
            Some(Preference::Second)
        ]
    );
    assert_eq!(set.pairs[1].row, 5);
    assert_eq!(
        set.pairs[1].labels.dimensions,
        [None, Some(Preference::First), None]
    );
    let dropped: Vec<(usize, String)> = set
        .dropped
        .iter()
        .map(|one| (one.row, one.reason.to_string()))
        .collect();
    let expected = [
        (2, "no overall label"),
        (3, "no overall label"),
        (4, "column `Overall`: `c` is none of its labels"),
        (6, "column `prompt` is empty or no text"),
        (7, "`../../etc/passwd` leaves the folder of videos"),
        (8, "`/etc/passwd` leaves the folder of videos"),
    ];
    assert_eq!(
        dropped,
        expected.map(|(row, reason)| (row, reason.to_owned()))
    );
}

#[test]
fn keys_follow_the_content_and_not_the_order() {
    let row = |n: u32| json!({"prompt": "p", "video_left": format!("{n}"), "video_right": "r", "vote_type": "tievote"});
    let text = |rows: &[u32]| Value::from_iter(rows.iter().map(|n| row(*n))).to_string();
    let there = load(Benchmark::GenAiBench, &text(&[1, 2, 3, 3]));
    let back = load(Benchmark::GenAiBench, &text(&[3, 3, 2, 1]));
    let keys = |set: &DataSet| {
        let mut keys: Vec<_> = set.pairs.iter().map(|pair| pair.key).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    assert_eq!(keys(&there).len(), 4);
    assert_eq!(keys(&there), keys(&back));
}

#[test]
fn a_discarded_row_says_so() {
    let row = json!([{"caption": "c", "video_0_path": "a", "video_1_path": "b", "overall_preference": "Same", "discard": true}]);
    let set = load(Benchmark::MjBenchVideo(HardToJudge::Drop), &row.to_string());
    assert_eq!(set.dropped[0].reason, DropReason::Discarded);
}

#[test]
fn a_file_of_another_form_names_the_place() {
    let wrong = error(Benchmark::GenAiBench, VIDEOGEN);
    assert!(wrong.contains("no column `video_left`"), "{wrong}");
    assert!(wrong.contains("path_A"), "{wrong}");
    let torn = error(Benchmark::GenAiBench, "[{\"prompt\": \"a\",");
    assert!(torn.contains("line 1 column"), "{torn}");
    let line = error(Benchmark::GenAiBench, "{\"prompt\": 1}\n{\"prompt\": }\n");
    assert!(line.contains("line 2"), "{line}");
    let ragged = error(Benchmark::VideoGenRewardBench, "prompt,Overall\na,A,B\n");
    assert!(ragged.contains("line: 2"), "{ragged}");
    let entry = error(Benchmark::GenAiBench, "[{}, 3]");
    assert!(entry.contains("entry 2"), "{entry}");
    assert!(matches!(
        DataSet::load(Benchmark::GenAiBench, &file("[]").path),
        Err(TableError::Empty { .. })
    ));
}
