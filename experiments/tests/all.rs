//! `experiments all`: stages once, and what fails stops nothing else.

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

fn spec(id: &str, chain: &str) -> String {
    format!(
        "[experiment]\nid = \"{id}\"\ntitle = \"Experiment {id}\"\nchain = {chain}\n\
         [[split]]\nid = \"short\"\nlabel = \"short\"\n\
         [base]\ntower = {{ steps = 2, batch = 8 }}\neval = {{ pairs_per_split = 2, splits = [\"short\"] }}\n\
         [[arm]]\nid = \"only\"\nlabel = \"the only arm\"\n"
    )
}

fn workspace(specs: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("experiments");
    for (id, chain) in specs {
        let path = folder.join(format!("specs/{id}.toml"));
        atomic::write(&path, spec(id, chain).as_bytes()).unwrap();
    }
    let paper = Path::new(env!("CARGO_MANIFEST_DIR")).join("paper-values.toml");
    fs::copy(paper, folder.join("paper-values.toml")).unwrap();
    dir
}

fn output(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

#[test]
fn stages_are_shared_and_a_failure_stops_only_those_that_need_it() {
    // Without a policy `eval` fails, the same stage for both.
    let dir = workspace(&[
        ("a", "[\"eval\"]"),
        ("b", "[\"tower\", \"eval\"]"),
        ("c", "[\"eval\"]"),
        ("d", "[\"tower\", \"eval\"]"),
        ("e", "[\"towr\"]"),
    ]);
    let ran = experiments(dir.path(), "all --scale smoke").code(4);
    let text = output(&ran);
    for line in [
        "a        failed   stage `judging",
        "b        done     there",
        "c        skipped  it needs `judging",
        "which failed in a",
        "d        done     there",
        "e        failed   there is no stage `towr`",
        "5 experiments: 2 done, 2 failed, 1 skipped",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(dir.path().join("results/d/smoke/result.json").exists());
    let towers = fs::read_dir(dir.path().join("cache/stages")).unwrap();
    let towers = towers.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("tower")
    });
    assert_eq!(towers.count(), 1);
}

#[test]
fn the_plan_of_all_counts_a_shared_stage_once() {
    let dir = workspace(&[
        ("b", "[\"tower\", \"eval\"]"),
        ("d", "[\"tower\", \"eval\"]"),
    ]);
    let plan = output(&experiments(dir.path(), "all --scale smoke --dry-run").code(0));
    assert!(plan.contains("2 stages: 0 cached, 2 to build"), "{plan}");
    assert!(!dir.path().join("results").exists());
    experiments(dir.path(), "all --scale smoke").code(0);
    let plan = output(&experiments(dir.path(), "all --scale smoke --dry-run").code(0));
    assert!(plan.contains("2 stages: 2 cached, 0 to build"), "{plan}");
    let listed = output(&experiments(dir.path(), "list --scale smoke").code(0));
    let expected = "\
b        Experiment b
         cost     at smoke nothing to build: its 2 stages are there
         results  smoke: there

d        Experiment d
         cost     at smoke nothing to build: its 2 stages are there
         results  smoke: there
";
    assert_eq!(listed, expected);
}
