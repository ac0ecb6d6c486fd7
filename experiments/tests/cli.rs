//! The program as people start it: exit codes and what is said.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use vrt_train::atomic;

fn experiments(folder: &Path, line: &str) -> Assert {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("experiments"));
    command
        .current_dir(folder)
        .args(line.split_whitespace())
        .assert()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A workspace of its own with the shipped spec, changed.
fn workspace(from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spec = fs::read_to_string(here().join("specs/fig3.toml")).unwrap();
    let there = dir.path().join("experiments/specs/fig3.toml");
    atomic::write(&there, spec.replacen(from, to, 1).as_bytes()).unwrap();
    dir
}

fn errors(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn lists_what_there_is() {
    let assert = experiments(here(), "list").code(0);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.contains("fig3"), "{text}");
}

#[test]
fn help_names_the_experiments_and_the_exit_codes() {
    let assert = experiments(here(), "--help").code(0);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for word in ["fig3", "--scale smoke", "Exit codes", "130"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn an_unknown_experiment_is_a_usage_error_with_a_suggestion() {
    let text = errors(&experiments(here(), "fig33").code(2));
    assert!(text.contains("'fig3'"), "{text}");
    let text = errors(&experiments(here(), "show fg3").code(2));
    assert!(text.contains("did you mean `fig3`?"), "{text}");
    experiments(here(), "fig3 --scale huge").code(2);
    experiments(here(), "fig3 --seeds 0").code(2);
    experiments(here(), "").code(2);
}

#[test]
fn a_wrong_spec_has_its_own_exit_code_and_its_line() {
    let dir = workspace("prompts = 2600", "promts = 2600");
    let text = errors(&experiments(dir.path(), "fig3 --dry-run").code(3));
    assert!(text.contains("did you mean `prompts`?"), "{text}");
    assert!(text.contains("promts = 2600"), "{text}");
    experiments(dir.path(), "list").code(0);
}

#[test]
fn a_result_that_is_not_there_yet_says_how_to_get_it() {
    let dir = workspace("", "");
    let text = errors(&experiments(dir.path(), "show fig3").code(2));
    assert!(text.contains("-- fig3 --scale laptop"), "{text}");
}

/// A workspace with one small experiment.
fn small(spec: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("experiments");
    atomic::write(&folder.join("specs/small.toml"), spec.as_bytes()).unwrap();
    fs::copy(
        here().join("paper-values.toml"),
        folder.join("paper-values.toml"),
    )
    .unwrap();
    dir
}

/// Only the tower and the judge: enough to start, and to be stopped.
const SMALL: &str = r#"
[experiment]
id = "small"
title = "One arm"
chain = ["tower", "eval"]

[[split]]
id = "short"
label = "short"

[base]
tower = { steps = 400, batch = 256 }
eval = { pairs_per_split = 8, splits = ["short"] }

[scale.smoke]
seeds = [1]
tower = { steps = 2, batch = 8 }

[[arm]]
id = "only"
label = "the only arm"
"#;

#[test]
fn a_small_experiment_is_done_listed_and_shown() {
    let dir = small(SMALL);
    let listed = experiments(dir.path(), "list --scale smoke").code(0);
    let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(
        text.starts_with("small    One arm\n         cost     at smoke about "),
        "{text}"
    );
    assert!(
        text.contains("2 of 2 stages to build, 0 cached\n         results  none yet"),
        "{text}"
    );
    let ran = experiments(dir.path(), "small --scale smoke").code(0);
    let shown = experiments(dir.path(), "show small --scale smoke").code(0);
    let text = |assert: &Assert| String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(
        text(&ran).starts_with(text(&shown).trim_end()),
        "{}",
        text(&ran)
    );
    let plan = experiments(dir.path(), "small --scale smoke --dry-run").code(0);
    assert!(
        text(&plan).contains("2 stages: 2 cached, 0 to build"),
        "{}",
        text(&plan)
    );
    let cleaned = experiments(dir.path(), "clean").code(0);
    assert!(
        text(&cleaned).starts_with("removed 2 stages"),
        "{}",
        text(&cleaned)
    );
}

#[test]
fn measurements_can_be_watched_and_leave_no_time_in_the_entry() {
    let dir = small(SMALL);
    let ran = experiments(dir.path(), "small --scale smoke").code(0);
    assert!(errors(&ran).contains("live: "), "{}", errors(&ran));
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let lines = read(&dir.path().join("runs/small-smoke/metrics.jsonl"));
    assert_eq!(lines.matches("\"kind\":\"tower\"").count(), 2, "{lines}");
    let stages = fs::read_dir(dir.path().join("cache/stages")).unwrap();
    let kept = stages.map(|entry| entry.unwrap().path().join("metrics.jsonl"));
    let kept: Vec<String> = kept
        .filter(|path| path.exists())
        .map(|path| read(&path))
        .collect();
    assert_eq!(kept.len(), 1);
    assert!(
        kept[0].contains("\"loss\"") && !kept[0].contains("wall"),
        "{}",
        kept[0]
    );
    // What is cached measures nothing anew.
    experiments(dir.path(), "small --scale smoke").code(0);
    assert_eq!(
        read(&dir.path().join("runs/small-smoke/metrics.jsonl")),
        lines
    );
}

#[test]
fn a_stage_that_fails_names_itself_and_what_it_needs() {
    let dir = small(&SMALL.replace("[\"tower\", \"eval\"]", "[\"eval\"]"));
    let text = errors(&experiments(dir.path(), "small --scale smoke").code(4));
    assert!(
        text.contains("stage `judging") && text.contains("at least `base` before it"),
        "{text}"
    );
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_stage_that_does_not_exist_is_the_specs_fault() {
    let dir = small(&SMALL.replace("[\"tower\", \"eval\"]", "[\"towr\", \"eval\"]"));
    let text = errors(&experiments(dir.path(), "small --scale smoke").code(3));
    assert!(text.contains("towr") && text.contains("tower"), "{text}");
}

#[test]
fn wrong_values_of_the_paper_are_found_before_anything_runs() {
    let dir = small(SMALL);
    let path = dir.path().join("experiments/paper-values.toml");
    let good = fs::read_to_string(&path).unwrap();
    atomic::write(&path, format!("sorce = \"x\"\n{good}").as_bytes()).unwrap();
    let text = errors(&experiments(dir.path(), "small --scale smoke").code(3));
    assert!(text.contains("sorce"), "{text}");
    assert!(!dir.path().join("cache").exists(), "nothing was built");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let dir = small(SMALL);
    atomic::write(&dir.path().join("full"), b"a file").unwrap();
    let text = errors(&experiments(dir.path(), "small --scale smoke --cache full").code(5));
    assert!(
        text.contains("full") && text.contains("choose another folder"),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_at_a_safe_point_and_nothing_half_done_is_kept() {
    use std::process::{Command, Stdio};

    let dir = small(SMALL);
    let mut run = Command::new(assert_cmd::cargo::cargo_bin!("experiments"))
        .current_dir(dir.path())
        .args([
            "small",
            "--scale",
            "laptop",
            "--seeds",
            "1",
            "--threads",
            "1",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let working = || {
        let mut works = fs::read_dir(dir.path().join("cache/work"))
            .into_iter()
            .flatten();
        works.any(|work| work.is_ok_and(|work| work.path().join("metrics.jsonl").exists()))
    };
    while !working() {
        assert!(
            run.try_wait().unwrap().is_none(),
            "the run ended before it was stopped"
        );
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let sent = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = run.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(
        text.contains("interrupted while at `vision tower`; run the same command again"),
        "{text}"
    );
    assert!(!dir.path().join("cache/stages").exists());
}
