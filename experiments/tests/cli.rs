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
    let dir = workspace("prompts = 1300", "promts = 1300");
    let text = errors(&experiments(dir.path(), "fig3 --dry-run").code(3));
    assert!(text.contains("did you mean `prompts`?"), "{text}");
    assert!(text.contains("promts = 1300"), "{text}");
    experiments(dir.path(), "list").code(0);
}

#[test]
fn a_result_that_is_not_there_yet_says_how_to_get_it() {
    let dir = workspace("", "");
    let text = errors(&experiments(dir.path(), "show fig3").code(2));
    assert!(text.contains("-- fig3 --scale laptop"), "{text}");
}
