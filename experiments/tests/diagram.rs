//! Figure 1: what it shows is what the code declares, and another code is another figure.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use experiments::cli::{self, Exit, draw};
use experiments::diagram::{Diagram, diagram};
use experiments::render::diagram::{svg, table};
use experiments::spec::{Scale, Spec};
use experiments::stage::Cancel;
use experiments::stages::MAKERS;
use vrt_core::objective::{Grpo, Objective, VrThinker};
use vrt_core::op::{AllOps, OpSet, PaperOps};

const SHIPPED: &str = include_str!("../specs/fig1.toml");

fn shown<O: OpSet, B: Objective>() -> Diagram {
    let spec = Spec::parse("fig1.toml", SHIPPED).unwrap();
    diagram::<O, B>(&spec, Scale::Smoke, "revision").unwrap()
}

#[test]
fn the_papers_episode() {
    let shown = shown::<PaperOps, VrThinker>();
    assert_eq!(shown.initial.len(), 8);
    let forgotten = |round: usize| &shown.rounds[round].outcomes;
    assert_eq!(forgotten(0), &[] as &[bool]);
    assert_eq!(forgotten(3), &[false, false, true]);
    let last = |round: usize| shown.rounds[round].unit.last().unwrap();
    assert!(last(2).starts_with("<tool_call>"), "{}", last(2));
    assert!(last(3).starts_with("<Answer>"), "{}", last(3));
    insta::assert_snapshot!(table(&shown));
}

#[test]
fn other_operations_and_another_objective_are_another_figure() {
    let paper = svg(&shown::<PaperOps, VrThinker>()).unwrap();
    let all = svg(&shown::<AllOps, VrThinker>()).unwrap();
    for name in AllOps::NAMES {
        assert!(all.contains(&format!("{name}(")), "{name} is not drawn");
        let offered = PaperOps::NAMES.contains(name);
        assert_eq!(paper.contains(&format!("{name}(")), offered, "{name}");
    }
    let grpo = svg(&shown::<PaperOps, Grpo>()).unwrap();
    assert!(paper.contains(&VrThinker::TERMS.join(" + ")));
    assert!(grpo.contains(&Grpo::TERMS.join(" + ")));
    assert!(!grpo.contains("cot_gain"));
}

#[test]
fn it_is_drawn_without_any_stage_and_is_the_same_twice() {
    let dir = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = dir.path().join("experiments");
    fs::create_dir_all(there.join("specs")).unwrap();
    for file in ["specs/fig1.toml", "paper-values.toml"] {
        fs::copy(here.join(file), there.join(file)).unwrap();
    }
    let run = |line: &str| {
        let mut out = Vec::new();
        let arguments = line.split_whitespace().map(OsString::from);
        let exit = cli::run(dir.path(), MAKERS, arguments, &Cancel::default(), &mut out);
        (exit, String::from_utf8(out).unwrap())
    };
    let folder = dir.path().join("results/fig1/smoke");
    let files = ["figure.svg", "figure.png", "table.md", "result.json"];
    let bytes = || files.map(|name| fs::read(folder.join(name)).unwrap());
    assert_eq!(run("fig1 --scale smoke").0, Exit::Done);
    let before = bytes();
    assert_eq!(run("fig1 --scale smoke").0, Exit::Done);
    assert!(bytes() == before);
    let birth = fs::read_to_string(folder.join("provenance.json")).unwrap();
    assert!(files.iter().all(|name| birth.contains(name)), "{birth}");
    let (exit, list) = run("list");
    assert_eq!(exit, Exit::Done);
    assert!(list.contains("smoke: there"), "{list}");
    assert_eq!(run("view fig1 --scale smoke").0, Exit::Usage);
}

/// What the author sees when `from` is replaced by `to` in the shipped spec.
fn wrong(from: &str, to: &str) -> String {
    assert!(SHIPPED.contains(from), "the spec no longer says {from:?}");
    let text = SHIPPED.replacen(from, to, 1);
    draw(Spec::parse("fig1.toml", &text).unwrap_err().as_ref(), false)
}

#[test]
fn a_diagram_that_judges() {
    insta::assert_snapshot!(wrong(
        "[diagram]",
        "[base.world]\np_site = 0.4\n\n[diagram]"
    ));
}

#[test]
fn a_video_without_frames() {
    insta::assert_snapshot!(wrong("frames = 64", "frames = 0"));
}

#[test]
fn a_stage_that_is_no_training_is_named() {
    let text = SHIPPED.replacen("\"base\", ", "\"players\", ", 1);
    let spec = Spec::parse("fig1.toml", &text).unwrap();
    let error = diagram::<PaperOps, VrThinker>(&spec, Scale::Smoke, "revision").unwrap_err();
    assert!(error.to_string().contains("`players`"), "{error}");
}
