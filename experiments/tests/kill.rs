//! A run that is killed, not asked: the next one ends with the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use vrt_train::atomic;

/// One arm, every stage, a few seconds.
const SPEC: &str = r#"
[experiment]
id = "micro"
title = "One arm"

[[split]]
id = "short"
label = "short"

[base]
# So few defects that a policy which only knows the format is often right.
world = { p_event = 0.1, p_global = 0.03, p_site = 0.3, p_real = 0.2 }
tower = { steps = 12, batch = 256 }
base = { traces = 512, batch = 8 }
cold_start = { traces = 64, epochs = 10, batch = 8 }
rft = { prompts = 48, samples = 4, epochs = 8, batch = 4 }
grpo = { steps = 3, prompts = 4, group = 4, batch = 8 }
eval = { pairs_per_split = 64, splits = ["short"] }

[scale.smoke]
seeds = [1]

[[arm]]
id = "full"
label = "all stages"
"#;

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("experiments");
    atomic::write(&folder.join("specs/micro.toml"), SPEC.as_bytes()).unwrap();
    let paper = Path::new(env!("CARGO_MANIFEST_DIR")).join("paper-values.toml");
    fs::copy(paper, folder.join("paper-values.toml")).unwrap();
    dir
}

fn start(root: &Path, threads: &str) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin!("experiments"))
        .current_dir(root)
        .args(["micro", "--scale", "smoke", "--threads", threads])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(root: &Path, threads: &str) {
    let output = start(root, threads).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Where a kind of stage is in the works, if it is: its metrics' lines.
fn steps(root: &Path, kind: &str) -> Option<usize> {
    let works = fs::read_dir(root.join("cache/work")).ok()?;
    let mut names = works.filter_map(|entry| Some(entry.ok()?.path()));
    let work = names.find(|path| name(path).starts_with(kind))?;
    let text = fs::read_to_string(work.join("metrics.jsonl")).unwrap_or_default();
    Some(text.lines().count())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Kills a run as soon as this kind of stage has recorded so many steps; whether it was still running.
fn kill_at(root: &Path, kind: &str, after: usize) -> bool {
    let mut run = start(root, "2");
    loop {
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success(), "{kind}: the run failed by itself");
            return false;
        }
        if steps(root, kind).is_some_and(|steps| steps >= after) {
            run.kill().unwrap();
            return !run.wait().unwrap().success();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Files of all finished stages; what a stage cost is left out.
fn entries(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let stages = root.join("cache/stages");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&stages).unwrap() {
        for file in fs::read_dir(entry.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            if name(&path) == "stage.json" {
                let mut record: Value = serde_json::from_slice(&bytes).unwrap();
                record.as_object_mut().unwrap().remove("cost").unwrap();
                bytes = record.to_string().into_bytes();
            }
            files.insert(path.strip_prefix(&stages).unwrap().to_owned(), bytes);
        }
    }
    files
}

#[test]
fn a_killed_run_ends_with_the_bytes_of_one_that_was_not() {
    let straight = workspace();
    finish(straight.path(), "1");
    let killed = workspace();
    let root = killed.path();
    // Before and behind checkpoints, which come every 25 steps.
    let moments = [
        ("tower", 1),
        ("base", 10),
        ("base", 30),
        ("cold_start", 28),
        ("rft", 0),
        ("rft", 2),
        ("grpo", 1),
    ];
    let hits = moments
        .into_iter()
        .filter(|(kind, after)| kill_at(root, kind, *after))
        .count();
    assert!(
        hits >= 5,
        "only {hits} of the runs were still running when they were killed"
    );
    finish(root, "2");
    let (expected, found) = (entries(straight.path()), entries(root));
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} has other bytes", path.display());
    }
    let result = |root: &Path| fs::read(root.join("results/micro/smoke/result.json")).unwrap();
    assert!(result(root) == result(straight.path()));
    let left =
        |folder: &str| fs::read_dir(root.join("cache").join(folder)).map_or(0, Iterator::count);
    assert_eq!((left("tmp"), left("work"), left("damaged")), (0, 0, 0));
}
