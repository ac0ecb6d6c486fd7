use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::progress::Display;

fn watch(folder: &Path) -> Watch {
    let id = StageId::of("grpo", 1, &json!({}), &[]);
    let display = Display::silent().streaming(folder.to_owned());
    Watch::new(display.stage("[1/1]", "GRPO"), "grpo", id, "GRPO, seed 1")
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(metrics::FILE)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_step_is_a_line_of_the_runs_stream_and_an_event_of_its_stage() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("fig3-smoke");
    let mut watch = watch(&runs);
    watch.record(0, &json!({"reward": 0.5, "ledger": {"answered": 3}}));
    watch.record(1, &json!({"reward": 0.75, "ledger": {"answered": 4}}));
    let lines = lines(&runs);
    assert_eq!(lines.len(), 2);
    let line = &lines[1];
    assert_eq!(line["step"], 1);
    assert_eq!(line["kind"], "grpo");
    assert_eq!(line["title"], "GRPO, seed 1");
    assert_eq!(
        line["values"],
        json!({"reward": 0.75, "ledger": {"answered": 4}})
    );
    assert!(line["wall"].as_f64().unwrap() > 1.7e9);
    let stage = runs.join(format!("grpo-{}", line["stage"].as_str().unwrap()));
    let files: Vec<_> = fs::read_dir(stage).unwrap().collect();
    assert_eq!(files.len(), 1);
    let events = fs::read(files[0].as_ref().unwrap().path()).unwrap();
    let held = |tag: &[u8]| events.windows(tag.len()).filter(|at| *at == tag).count();
    assert_eq!(held(b"ledger/answered"), 2);
}

#[test]
fn nothing_is_made_before_there_is_something_to_see() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("run");
    let mut watch = watch(&runs);
    watch.resume_at(0);
    assert!(!runs.exists());
}

#[test]
fn a_stream_that_cannot_be_written_does_not_stop_the_stage() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("run");
    vrt_train::atomic::write(&blocked, b"a file where a folder is needed").unwrap();
    let mut watch = watch(&blocked);
    watch.record(0, &json!({"loss": 1.0}));
    assert!(watch.progress.live().is_none());
    watch.record(1, &json!({"loss": 1.0}));
    assert_eq!(watch.course, [1.0, 1.0]);
}
