//! Killed and gone on, or on another number of threads: the same bytes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::school::School;

/// Results and metrics of all stages.
fn results(school: &School, out: &str) -> Vec<Vec<u8>> {
    let files = ["cold_start", "rft", "grpo"].into_iter().flat_map(|stage| {
        [school.result, "metrics.jsonl", "ledger.json"].map(|file| format!("{out}/{stage}/{file}"))
    });
    files
        .map(|file| fs::read(school.path(&file)).unwrap_or_else(|error| panic!("{file}: {error}")))
        .collect()
}

/// Starts a stage and kills it once `begun`; it must not have ended.
fn kill(school: &School, stage: &str, config: &str, begun: impl Fn() -> bool) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vrt"))
        .args(["train", stage, "--config", config])
        .current_dir(school.path(""))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !begun() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "{stage} ended before it was killed"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn steps(folder: &Path) -> usize {
    let is_step = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with("step-")
    };
    fs::read_dir(folder).map_or(0, |entries| {
        entries.filter_map(|e| is_step(e).then_some(())).count()
    })
}

fn lines(file: &Path) -> usize {
    fs::read(file).map_or(0, |bytes| {
        bytes.iter().filter(|byte| **byte == b'\n').count()
    })
}

/// Runs all stages whole, and with each killed on one thread; `long` makes them longer than a test needs to kill them.
fn killed_and_whole(school: &School, long: [(&str, &str); 3]) {
    let with = |out: &str, threads: &str| {
        let head = format!("out = \"{out}\"\nthreads = {threads}");
        let mut changes = long.to_vec();
        changes.push(("out = \"run\"", &head));
        school.configure(&format!("{out}.toml"), &changes);
    };
    with("whole", "2");
    with("killed", "1");
    for stage in ["cold-start", "rft", "grpo"] {
        school.done(&["train", stage, "--config", "whole.toml"]);
    }
    let folder = |stage: &str| school.path("killed").join(stage);
    kill(school, "cold-start", "killed.toml", || {
        steps(&folder("cold_start/checkpoints")) > 0
    });
    school.done(&["train", "cold-start", "--config", "killed.toml"]);
    // The journal's first line says what it is of.
    kill(school, "rft", "killed.toml", || {
        lines(&folder("rft/samples.jsonl")) > 20
    });
    school.done(&["train", "rft", "--config", "killed.toml"]);
    kill(school, "grpo", "killed.toml", || {
        steps(&folder("grpo/checkpoints")) > 0
    });
    school.done(&["train", "grpo", "--config", "killed.toml"]);
    assert!(results(school, "whole") == results(school, "killed"));
}

#[test]
fn killed_stages_and_other_threads_change_no_byte() {
    let long = [
        ("epochs = 6", "epochs = 30"),
        ("samples = 2", "samples = 12"),
        ("steps = 2", "steps = 8"),
    ];
    killed_and_whole(&School::new(), long);
}

#[test]
fn nor_do_those_of_a_tiny_policy() {
    let long = [
        ("epochs = 24", "epochs = 40"),
        ("samples = 4\nepochs", "samples = 24\nepochs"),
        ("steps = 2", "steps = 12"),
    ];
    killed_and_whole(&School::tiny(), long);
}

#[test]
fn a_stage_is_not_gone_on_with_under_other_settings() {
    let school = School::new();
    school.done(&["train", "cold-start", "--config", "train.toml"]);
    school.configure(
        "other.toml",
        &[("seed = 5", "seed = 6"), ("epochs = 6", "epochs = 7")],
    );
    let refused = school.vrt(&["train", "cold-start", "--config", "other.toml"]);
    assert_eq!(refused.status.code(), Some(5));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        said,
        "error: `run/cold_start` was begun with other settings (cold_start, seed); name another `out`, or remove the folder\n"
    );
    school.configure("rank.toml", &[("rank = 8", "rank = 4")]);
    let refused = school.vrt(&["train", "rft", "--config", "rank.toml"]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("`run/cold_start` belongs to another model (other adapters)"),
        "{said}"
    );
}
