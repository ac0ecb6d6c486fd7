//! Figures with lines: policies kept on the way, and what is drawn of them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use experiments::cli::{self, Exit, draw};
use experiments::graph::{Graph, RunError, RunOptions};
use experiments::progress::Display;
use experiments::spec::{Scale, Spec};
use experiments::stage::{Cancel, StageError, StageId};
use experiments::stages::params::{ArmParams, HeldOut};
use experiments::stages::{MAKERS, chain};
use experiments::store::Store;
use serde_json::Value;

fn text(id: &str) -> String {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    fs::read_to_string(specs.join(format!("{id}.toml"))).unwrap()
}

fn spec(id: &str) -> Spec {
    Spec::parse(&format!("{id}.toml"), &text(id)).unwrap()
}

/// What the author of figure 4 sees when `from` is replaced by `to`.
fn wrong(from: &str, to: &str) -> String {
    let text = text("fig4");
    assert!(text.contains(from), "the spec no longer says {from:?}");
    let error = Spec::parse("fig4.toml", &text.replacen(from, to, 1)).unwrap_err();
    draw(error.as_ref(), false)
}

#[test]
fn an_arm_that_keeps_policies_brings_its_way() {
    let arms = spec("fig4").arms(Scale::Full).unwrap();
    let way: Vec<_> = arms
        .iter()
        .filter(|arm| arm.at.as_ref().is_some_and(|at| at.arm == "no_exploration"))
        .collect();
    let mut steps: Vec<u32> = way
        .iter()
        .map(|arm| arm.at.as_ref().unwrap().step)
        .collect();
    steps.sort_unstable();
    assert_eq!(steps, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
    for arm in &way {
        let step = arm.at.as_ref().unwrap().step;
        let inside = (1..50).contains(&step).then_some(step);
        assert_eq!(arm.params.eval.step, inside, "{}", arm.id);
        assert_eq!(
            arm.chain.contains(&"grpo".to_owned()),
            step > 0,
            "{}",
            arm.id
        );
    }
    for arm in &arms {
        let held_out = arm.params.eval.held_out;
        assert_eq!(
            held_out,
            HeldOut::Design,
            "{} looks at the report split",
            arm.id
        );
    }
}

#[test]
fn a_line_over_steps_of_an_arm_that_keeps_none() {
    insta::assert_snapshot!(wrong("group = 8\nkeep_every = 5", "group = 8"));
}

#[test]
fn a_dashed_line_of_an_arm_that_does_not_exist() {
    insta::assert_snapshot!(wrong("dashed = \"rft\"", "dashed = \"rtf\""));
}

#[test]
fn lines_over_nothing_known() {
    insta::assert_snapshot!(wrong("lines.steps", "lines.stepps"));
}

#[test]
fn values_that_are_not_one_an_arm() {
    let values = "lines.values = { label = \"x\", at = [1, 2] }";
    insta::assert_snapshot!(wrong("lines.steps = { dashed = \"rft\" }", values));
}

#[test]
fn values_that_do_not_ascend() {
    let values = "lines.values = { label = \"x\", at = [1, 2, 2, 3] }";
    insta::assert_snapshot!(wrong("lines.steps = { dashed = \"rft\" }", values));
}

/// The last stage of a chain in a graph of its own.
fn alone(names: &[String], params: &ArmParams) -> (Graph, StageId) {
    let mut graph = Graph::default();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let last = chain(MAKERS, &names, &mut graph, params, 1).unwrap();
    (graph, last)
}

#[test]
fn figure_4_runs_at_smoke_scale_and_keeping_policies_changes_no_training() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = root.join("experiments");
    fs::create_dir_all(there.join("specs")).unwrap();
    for file in ["specs/fig4.toml", "paper-values.toml"] {
        fs::copy(here.join(file), there.join(file)).unwrap();
    }
    let line = ["fig4", "--scale", "smoke"].map(OsString::from);
    let exit = cli::run(root, MAKERS, line, &Cancel::default(), &mut Vec::new());
    assert_eq!(exit, Exit::Done);
    let results = root.join("results/fig4/smoke");
    let report = fs::read_to_string(results.join("result.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    for panel in ["accuracy", "calls", "length"] {
        let curve = &report["curves"][panel];
        let dashed = &curve["dashed"]["value"];
        assert_eq!(curve["lines"].as_array().unwrap().len(), 4);
        for line in curve["lines"].as_array().unwrap() {
            let points = line["points"].as_array().unwrap();
            let at: Vec<f64> = points
                .iter()
                .map(|point| point["at"].as_f64().unwrap())
                .collect();
            assert_eq!(at, [0.0, 2.0, 4.0], "{panel}");
            assert_eq!(
                &points[0]["value"], dashed,
                "{panel} begins at the RFT model"
            );
        }
    }

    let arms = spec("fig4").arms(Scale::Smoke).unwrap();
    let arm = arms.iter().find(|arm| arm.id == "full").unwrap();
    let training = &arm.chain[..arm.chain.len() - 1];
    let mut without = arm.params.clone();
    without.grpo.keep_every = 0;
    let store = Store::at(root.join("cache"));
    let options = RunOptions {
        threads: 2,
        cancel: Cancel::default(),
        display: Display::silent(),
    };
    let (graph, plain) = alone(training, &without);
    graph.run(&store, &[plain], &options).unwrap();
    let (_, keeping) = alone(training, &arm.params);
    assert_ne!(plain, keeping);
    let bytes = |id, file: &str| fs::read(store.entry("grpo", id).join(file)).unwrap();
    let last = bytes(keeping, "model.safetensors");
    assert!(
        bytes(plain, "model.safetensors") == last,
        "keeping changes what is trained"
    );
    assert!(bytes(keeping, "kept/00002.safetensors") != last);
    assert!(!store.entry("grpo", plain).join("kept").exists());

    let mut between = arm.params.clone();
    between.eval.step = Some(3);
    let (graph, judged) = alone(&arm.chain, &between);
    let error = graph.run(&store, &[judged], &options).unwrap_err();
    let RunError::Stage { source, .. } = error else {
        panic!("{error}")
    };
    assert!(matches!(source, StageError::Unreadable { .. }), "{source}");
}
