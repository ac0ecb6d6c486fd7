//! The whole engine with fake stages: from the shipped spec to the figure.

mod fake;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use experiments::cli::{self, Exit};
use experiments::stage::Cancel;
use fake::{MAKERS, RUNS};

/// The counter of runs belongs to the process.
static ALONE: Mutex<()> = Mutex::new(());

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = dir.path().join("experiments");
    fs::create_dir_all(there.join("specs")).unwrap();
    for file in ["specs/fig3.toml", "paper-values.toml"] {
        fs::copy(here.join(file), there.join(file)).unwrap();
    }
    dir
}

fn run(root: &Path, line: &str) -> (Exit, String) {
    let mut out = Vec::new();
    let arguments = line.split_whitespace().map(OsString::from);
    let exit = cli::run(root, MAKERS, arguments, &Cancel::default(), &mut out);
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn the_second_run_builds_nothing_and_writes_the_same_bytes() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let dir = workspace();
    let root = dir.path();
    let (exit, first) = run(root, "fig3 --scale smoke");
    assert_eq!(exit, Exit::Done);
    let folder = root.join("results/fig3/smoke");
    let names = [
        "figure.svg",
        "figure.png",
        "table.md",
        "result.json",
        "provenance.json",
    ];
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    let before: Vec<Vec<u8>> = names.iter().map(|name| bytes(name)).collect();
    let built = RUNS.load(Ordering::Relaxed);
    let (exit, second) = run(root, "fig3 --scale smoke --threads 2");
    assert_eq!(exit, Exit::Done);
    assert_eq!(RUNS.load(Ordering::Relaxed), built);
    assert_eq!(first, second);
    for (name, before) in names.iter().zip(before) {
        assert!(bytes(name) == before, "{name} has changed");
    }
    let certificate: serde_json::Value = serde_json::from_slice(&bytes("provenance.json")).unwrap();
    for name in ["figure.svg", "figure.png", "table.md", "result.json"] {
        assert_eq!(
            certificate["files"][name]["blake3"],
            blake3::hash(&bytes(name)).to_hex().as_str(),
            "the certificate is for this {name}"
        );
    }
    let stages = certificate["stages"].as_object().unwrap();
    let trained: Vec<_> = stages
        .values()
        .filter(|stage| stage["kind"] == "grpo")
        .collect();
    assert!(!trained.is_empty());
    for stage in trained {
        assert!(stage["params"]["table"]["steps"].is_u64(), "{stage}");
    }
    assert!(first.contains("## Claims"), "{first}");
    assert_eq!(
        run(root, "show fig3 --scale smoke").1.trim(),
        first.split("\n\nwritten").next().unwrap().trim()
    );
}

#[test]
fn arms_share_what_they_have_in_common() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let dir = workspace();
    let (exit, plan) = run(dir.path(), "fig3 --scale smoke --dry-run --seeds 2");
    assert_eq!(exit, Exit::Done);
    assert!(!dir.path().join("cache").exists());
    let count = |kind: &str| {
        plan.lines()
            .filter(|line| line.contains(&format!("{kind} (fake)")))
            .count()
    };
    // One tower and base for all; a cold start a seed, and one for the call-poor arms.
    assert_eq!(
        (count("tower"), count("base"), count("cold_start")),
        (1, 1, 4)
    );
    // Seven objectives, with and without RFT or cold start, over two seeds.
    assert_eq!(count("grpo"), 20, "{plan}");
    assert!(plan.contains("0 cached"), "{plan}");
}

#[test]
fn a_damaged_entry_is_built_again() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let dir = workspace();
    let root = dir.path();
    run(root, "fig3 --scale smoke");
    let stages = root.join("cache/stages");
    let entry = fs::read_dir(&stages)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("eval-")
        })
        .unwrap();
    let judgments = entry.join("judgments.jsonl");
    let good = fs::read_to_string(&judgments).unwrap();
    let changed = good.replacen("\"calls\":0", "\"calls\":1", 1);
    vrt_train::atomic::write(&judgments, changed.as_bytes()).unwrap();
    let (_, plan) = run(root, "fig3 --scale smoke --dry-run");
    assert!(plan.contains("judgments.jsonl has changed"), "{plan}");
    let built = RUNS.load(Ordering::Relaxed);
    assert_eq!(run(root, "fig3 --scale smoke").0, Exit::Done);
    assert_eq!(RUNS.load(Ordering::Relaxed), built + 1);
    assert_eq!(fs::read_to_string(&judgments).unwrap(), good);
    assert_eq!(fs::read_dir(root.join("cache/damaged")).unwrap().count(), 1);
}

#[test]
fn an_interruption_and_a_blocked_cache_have_their_own_exit_codes() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let dir = workspace();
    let cancel = Cancel::default();
    cancel.request();
    let line = ["fig3", "--scale", "smoke"].map(OsString::from);
    let exit = cli::run(dir.path(), MAKERS, line, &cancel, &mut Vec::new());
    assert_eq!(exit, Exit::Interrupted);
    let blocked = dir.path().join("experiments/paper-values.toml");
    let (exit, _) = run(
        dir.path(),
        &format!("fig3 --scale smoke --cache {}", blocked.display()),
    );
    assert_eq!(exit, Exit::Storage);
}

#[test]
fn fresh_builds_everything_again_and_clean_leaves_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let dir = workspace();
    let start = RUNS.load(Ordering::Relaxed);
    run(dir.path(), "fig3 --scale smoke");
    let once = RUNS.load(Ordering::Relaxed) - start;
    assert!(once > 0);
    run(dir.path(), "fig3 --scale smoke --fresh");
    assert_eq!(RUNS.load(Ordering::Relaxed) - start, 2 * once);
    let (exit, text) = run(dir.path(), "clean");
    assert_eq!(exit, Exit::Done);
    assert!(
        text.starts_with(&format!("removed {once} stages")),
        "{text}"
    );
    assert!(!dir.path().join("cache/stages").exists());
}
