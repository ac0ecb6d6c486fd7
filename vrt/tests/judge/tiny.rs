//! `--tiny`: what the policy may not be asked, and files that hold none. An untrained one writes nonsense, which is enough.

use std::fs;

use serde_json::json;
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::op::{OpSet, PaperOps};
use vrt_train::atomic;
use vrt_train::tiny::{FORMAT, Header, Language, Provenance, Sizes, WorldRecord, write};

use crate::support::{Done, Folder};

/// The folder of the tests with an untrained policy, which knows `red ring` and videos of up to 24 frames.
fn folder() -> Folder {
    let folder = Folder::new();
    let header = Header {
        format: FORMAT,
        model: Sizes::own(),
        language: Language::new(&PaperOps::grammars(), &["red", "ring", "+1"], 24).unwrap(),
        offered: vec!["select_frames".to_owned()],
        rules: Rules {
            initial_per_video: 2,
            ..Rules::default()
        },
        max_tokens: 6,
        world: WorldRecord {
            seed: 1,
            caption: "red ring".to_owned(),
            side: 16,
            settings: json!({}),
        },
        provenance: Provenance {
            experiment: "none".to_owned(),
            arm: "untrained".to_owned(),
            scale: "smoke".to_owned(),
            stage: "base".to_owned(),
            stage_id: String::new(),
            step: None,
            seed: 1,
            revision: "unversioned".to_owned(),
            since: Vec::new(),
        },
    };
    let weights = Tiny::new(&dfdx::prelude::Cpu::default(), 3).to_flat();
    write(&folder.path().join("policy"), &header, &weights).unwrap();
    folder
}

fn judge(folder: &Folder, caption: &str, more: &[&str]) -> Done {
    let pair = ["judge", "a.gif", "b.gif", "--caption", caption];
    folder.vrt(&[&pair, more].concat())
}

#[track_caller]
fn expect(done: &Done, code: i32, words: &str) {
    assert_eq!(done.code, code, "{}\n{}", done.out, done.err);
    assert!(done.err.contains(words), "{words}\n{}", done.err);
}

#[test]
fn videos_of_another_size_are_resized_and_it_is_said_how_little_the_policy_knows() {
    let folder = folder();
    let done = judge(&folder, "red ring", &["--tiny", "policy"]);
    // Untrained weights write no verdict.
    expect(&done, 7, "the judge gave no verdict");
    assert!(
        done.out
            .contains("knows     only the synthetic world it was trained in"),
        "{}",
        done.out
    );
    assert!(
        done.out.contains("captions such as `red ring`"),
        "{}",
        done.out
    );
    let again = judge(
        &folder,
        "red ring",
        &["--tiny", "policy", "--traces", "t.jsonl"],
    );
    assert_eq!(again.code, 7);
    let trace = &folder.traces("t.jsonl")[0];
    // The policy's own rules: two frames of each video, units of six tokens.
    assert_eq!(trace.initial.len(), 4);
    assert_eq!((trace.rounds[0].tokens, trace.rounds[0].cut), (6, true));
    let more = [
        "--tiny",
        "policy",
        "--frames",
        "3",
        "--max-tokens",
        "2",
        "--traces",
        "u.jsonl",
    ];
    assert_eq!(judge(&folder, "red ring", &more).code, 7);
    let trace = &folder.traces("u.jsonl")[0];
    assert_eq!((trace.initial.len(), trace.rounds[0].tokens), (6, 2));
}

#[test]
fn what_it_has_no_words_for_is_named_before_it_is_asked() {
    let folder = folder();
    let done = judge(&folder, "a red fox", &["--tiny", "policy"]);
    expect(&done, 3, "the tiny policy has no word for `a`, `fox`");
    atomic::write(&folder.path().join("a.gif"), &crate::clips::clip(25, 40)).unwrap();
    let done = judge(&folder, "red ring", &["--tiny", "policy"]);
    expect(
        &done,
        3,
        "video 1 has 25 frames, the tiny policy has names for 24",
    );
}

#[test]
fn options_that_contradict_it_and_files_that_hold_none() {
    let folder = folder();
    let with = |more: &[&str]| judge(&folder, "red ring", more);
    expect(
        &with(&["--tiny", "policy", "--tools", "all"]),
        2,
        "cannot be used with",
    );
    expect(
        &with(&["--tiny", "policy", "--replay", "r"]),
        2,
        "cannot be used with",
    );
    expect(&with(&["--tiny", "nowhere"]), 4, "nowhere");
    expect(&with(&["--tiny", "a.gif"]), 4, "`a.gif` is no tiny policy");
    expect(&with(&["--tiny", "."]), 4, "it is a folder");
    let whole = fs::read(folder.path().join("policy")).unwrap();
    atomic::write(&folder.path().join("cut"), &whole[..whole.len() / 2]).unwrap();
    expect(&with(&["--tiny", "cut"]), 4, "damaged");
    let text =
        String::from_utf8_lossy(&whole[..2000]).replacen("\\\"format\\\":1", "\\\"format\\\":9", 1);
    let other = [text.as_bytes(), &whole[2000..]].concat();
    atomic::write(&folder.path().join("newer"), &other).unwrap();
    expect(&with(&["--tiny", "newer"]), 4, "format 9");
}

/// Asks it about pairs of this prompt and first video.
fn eval(folder: &Folder, pairs: &[(&str, &str)], more: &[&str]) -> Done {
    let rows = pairs.iter().map(|(prompt, first)| {
        json!({"prompt": prompt, "video_left": first, "video_right": "b.gif", "vote_type": "leftvote"})
    });
    let rows = serde_json::Value::from_iter(rows).to_string();
    atomic::write(&folder.path().join("data.json"), rows.as_bytes()).unwrap();
    let files = ["--data", "data.json", "--videos", ".", "--tiny", "policy"];
    folder.vrt(&[&["eval", "genai-bench"], &files[..], more].concat())
}

#[test]
fn an_evaluation_leaves_out_what_it_has_no_words_for() {
    let folder = folder();
    let pairs = ["red ring", "a fox", "ring"].map(|prompt| (prompt, "a.gif"));
    let eval = |more: &[&str]| eval(&folder, &pairs, more);
    let done = eval(&[]);
    expect(&done, 3, "1 pairs cannot be judged:");
    assert!(
        done.err
            .contains("row 2: the tiny policy has no word for `a`, `fox`"),
        "{}",
        done.err
    );
    expect(
        &eval(&["--dry-run"]),
        3,
        "row 2: the tiny policy has no word",
    );
    let done = eval(&["--skip-unusable", "--json", "report.json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out
            .contains("the judge knows only the synthetic world"),
        "{}",
        done.out
    );
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["data"]["judged"], 2);
    let rules = &report["provenance"]["rules"];
    assert_eq!(rules["initial_per_video"], 2);
}

#[test]
fn an_evaluation_leaves_out_a_video_whose_first_frames_are_damaged() {
    let folder = folder();
    crate::clips::write_damaged(&folder.path().join("bad"), 6);
    let pairs = [("red ring", "a.gif"), ("red", "bad"), ("ring", "a.gif")];
    let eval = |more: &[&str]| eval(&folder, &pairs, more);
    let done = eval(&[]);
    expect(
        &done,
        3,
        "1 pairs cannot be judged:\n  row 2: ./bad: frame ",
    );
    let done = eval(&["--skip-unusable", "--json", "report.json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["data"]["judged"], 2);
    assert_eq!(report["data"]["unusable"][0]["row"], 2);
}
