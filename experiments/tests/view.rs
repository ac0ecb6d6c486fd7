//! `experiments view`: from a trained arm or a file of traces to the page.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use vrt_train::atomic;
use vrt_view::{TraceRecord, jsonl};

/// A tower that saw two batches: a policy that writes nonsense, in no time.
const SMALL: &str = r#"
[experiment]
id = "small"
title = "Two arms"
chain = ["tower", "eval"]

[[split]]
id = "short"
label = "short"

[base]
tower = { steps = 2, batch = 8 }
eval = { pairs_per_split = 2, splits = ["short"] }

[scale.smoke]
seeds = [1]

[[arm]]
id = "chosen"
label = "chosen frames"

[[arm]]
id = "random"
label = "random frames"
set = { "eval.frames" = "random" }
"#;

fn experiments(folder: &Path, line: &str) -> Assert {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("experiments"));
    command
        .current_dir(folder)
        .args(line.split_whitespace())
        .assert()
}

fn workspace(spec: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("experiments");
    atomic::write(&folder.join("specs/small.toml"), spec.as_bytes()).unwrap();
    let paper = Path::new(env!("CARGO_MANIFEST_DIR")).join("paper-values.toml");
    fs::copy(paper, folder.join("paper-values.toml")).unwrap();
    dir
}

fn errors(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// The entries of a kind of stage.
fn entries(root: &Path, kind: &str) -> Vec<PathBuf> {
    let stages = fs::read_dir(root.join("cache/stages")).unwrap();
    let mut paths: Vec<PathBuf> = stages.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&format!("{kind}-"))
    });
    paths.sort();
    paths
}

fn records(path: &Path) -> Vec<TraceRecord> {
    jsonl::read("traces", fs::read(path).unwrap().as_slice()).unwrap()
}

#[test]
fn an_arm_becomes_a_page_and_its_records_a_file() {
    let dir = workspace(SMALL);
    let root = dir.path();
    let text = errors(&experiments(root, "view small --scale smoke").code(2));
    assert!(text.contains("-- small --scale smoke` first"), "{text}");
    assert!(!root.join("cache").exists());

    experiments(root, "small --scale smoke").code(0);
    let both = "view small --scale smoke --arm random --arm chosen --pairs 5 --groups 2";
    experiments(root, both).code(0);
    let page = root.join("results/small/smoke/traces.html");
    let first = fs::read(&page).unwrap();
    assert_eq!(entries(root, "traces").len(), 2);

    // Five greedy episodes, and eight samples of the first two pairs with their rewards.
    let file = entries(root, "traces")[0].join("traces.jsonl");
    let records = records(&file);
    assert_eq!(records.len(), 5 + 2 * 8);
    let (greedy, sampled) = records.split_at(5);
    assert!(greedy.iter().all(|record| record.reward.is_none()));
    // 24 frames of each video, and what the policy drew from them.
    assert!(greedy.iter().all(|record| record.pictures.len() >= 48));
    for (number, record) in sampled.iter().enumerate() {
        assert_eq!(record.pair, greedy[number / 8].pair);
        assert_eq!(record.sample as usize, number % 8);
        let reward = record.reward.as_ref().unwrap();
        let shares: f64 = reward.terms.iter().filter_map(|term| term.share).sum();
        assert!((shares - reward.advantage.unwrap()).abs() < 1e-9);
    }
    for group in sampled.chunks(8) {
        let advantages = group
            .iter()
            .filter_map(|record| record.reward.as_ref()?.advantage);
        assert!(advantages.sum::<f64>().abs() < 1e-9);
    }

    // A second time nothing is built, and the page is the same.
    let again = errors(&experiments(root, both).code(0));
    assert_eq!(again, "");
    assert!(fs::read(&page).unwrap() == first);

    // The file of records is a target of its own.
    let copy = root.join("mine.jsonl");
    fs::copy(&file, &copy).unwrap();
    experiments(root, "view mine.jsonl").code(0);
    let alone = fs::read_to_string(root.join("mine.html")).unwrap();
    assert!(alone.contains("<title>mine.jsonl</title>"));
    experiments(root, "view mine.jsonl --out deep/there.html").code(0);
    assert_eq!(
        fs::read_to_string(root.join("deep/there.html")).unwrap(),
        alone
    );

    let mut lines = fs::read_to_string(&copy).unwrap();
    lines.push_str("{\"version\": 2, \"pair\": 7}\n");
    atomic::write(&copy, lines.as_bytes()).unwrap();
    let text = errors(&experiments(root, "view mine.jsonl").code(3));
    assert!(text.contains("mine.jsonl, line 22"), "{text}");
    assert_eq!(fs::read_to_string(root.join("mine.html")).unwrap(), alone);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let dir = workspace(SMALL);
    let said = |line: &str| errors(&experiments(dir.path(), line).code(2));
    let text = said("view smal");
    assert!(text.contains("did you mean `small`?"), "{text}");
    let text = said("view small --arm chose");
    assert!(text.contains("did you mean `chosen`?"), "{text}");

    let players = workspace(&SMALL.replace(r#""tower", "eval""#, r#""players""#));
    let text = errors(&experiments(players.path(), "view small").code(2));
    assert!(text.contains("its chain is players"), "{text}");
}
