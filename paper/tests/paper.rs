//! In: small workspaces, whole and damaged. Out: the same bytes, visible gaps, and refusals that say what to do.

mod tiny;

use std::fs;
use std::path::Path;

use experiments::spec::Scale;
use paper::compile::{self, CompileError};
use paper::data;
use paper::evidence::{Evidence, EvidenceError};
use paper::provenance::ProvenanceError;
use paper::{PaperError, build, claims_of, command};
use serde_json::Value;
use tiny::{SPEC, folder, forge, own, put, run, workspace};
use typst::layout::{Frame, FrameItem};

/// What a reader reads.
fn text(root: &Path, scale: Option<Scale>) -> String {
    fn collect(frame: &Frame, out: &mut String) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => collect(&group.frame, out),
                FrameItem::Text(text) => {
                    out.push_str(&text.text);
                    out.push(' ');
                }
                _ => {}
            }
        }
    }
    let evidence = Evidence::read(root, scale).unwrap();
    let set =
        compile::compile(root, &data::of(&evidence, &claims_of(root, scale).unwrap())).unwrap();
    let mut out = String::new();
    for page in set.document.pages() {
        collect(&page.frame, &mut out);
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn refusal(root: &Path) -> ProvenanceError {
    match build(root, None) {
        Err(PaperError::Evidence(EvidenceError::Provenance(error))) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_paper_of_this_workspace_can_be_set_and_is_the_same_twice() {
    let root = own().parent().unwrap();
    let (first, second) = (build(root, None).unwrap(), build(root, None).unwrap());
    assert!(first.pdf.starts_with(b"%PDF-"));
    assert!(first.pdf == second.pdf, "two runs gave different bytes");
    assert_eq!(first.warnings, Vec::<String>::new());
}

#[test]
fn the_bytes_depend_on_the_numbers_and_on_nothing_else() {
    let pdf = |gain| {
        let dir = workspace("= Title\n#gain(\"tiny.better\")");
        run(dir.path(), "laptop", gain);
        build(dir.path(), None).unwrap().pdf
    };
    assert!(pdf(12.3) == pdf(12.3), "another folder, other bytes");
    assert!(pdf(12.3) != pdf(12.4), "another number, the same bytes");
}

#[test]
fn numbers_come_with_sign_interval_and_digits() {
    let dir = workspace(
        "#gain(\"tiny.better\") / #num(\"tiny.pairs.all\") / #num(\"tiny.claims.better.difference.low\", digits: 2)",
    );
    run(dir.path(), "laptop", -0.02);
    assert!(
        text(dir.path(), None).starts_with("0.0 [−1.0, +1.2] / 4,002 / −1.02"),
        "{}",
        text(dir.path(), None)
    );
}

#[test]
fn parameters_come_from_the_provenance() {
    let dir = workspace(
        "#param(\"tiny.arm.grpo.lr\") after #param(\"tiny.arm.grpo.steps\"), #param(\"tiny.arm.eval.decode\")",
    );
    run(dir.path(), "laptop", 1.0);
    let read = text(dir.path(), None);
    assert!(
        read.replace(' ', "")
            .starts_with("4.0⋅10−4after1,234,greedy"),
        "{read}"
    );
    forge(dir.path(), |certificate| {
        for stage in certificate["stages"].as_object_mut().unwrap().values_mut() {
            stage.as_object_mut().unwrap().remove("params");
        }
    });
    let read = text(dir.path(), None);
    assert!(
        read.contains("tiny: no parameters in its provenance, run"),
        "{read}"
    );
}

#[test]
fn costs_come_from_the_provenance() {
    let dir = workspace(
        "#spent(\"tiny.arm.grpo.work\") #spent(\"tiny.arm.grpo.unit\"), #spent(\"tiny.arm.grpo.rate\") a second; \
         #spent(\"tiny.arm.eval.seconds\")",
    );
    run(dir.path(), "laptop", 1.0);
    let read = text(dir.path(), None);
    assert!(
        read.starts_with("6,000 episodes, 2,000 a second;"),
        "{read}"
    );
    assert!(
        read.contains("tiny: no costs in its provenance, run"),
        "{read}"
    );
}

#[test]
fn without_results_there_is_a_gap_that_names_the_command() {
    let dir = workspace(
        "#gain(\"tiny.better\")\n#own-figure(\"tiny\")[Caption.]\n#needs(\"tiny\")[hidden #num(\"tiny.nothing\")]",
    );
    let read = text(dir.path(), None);
    assert_eq!(read.matches("no results yet").count(), 3, "{read}");
    assert!(
        read.matches("cargo run -p experiments -- tiny").count() >= 3,
        "{read}"
    );
    assert!(!read.contains("hidden"), "{read}");
    let evidence = build(dir.path(), None).unwrap().evidence;
    let gaps: Vec<String> = evidence.gaps().map(command::plain).collect();
    assert_eq!(gaps, ["cargo run -p experiments -- tiny"]);
}

#[test]
fn a_caption_says_where_the_result_comes_from() {
    let dir = workspace("#outcome(\"tiny\", () => [body])[Caption.]");
    run(dir.path(), "full", 1.0);
    let read = text(dir.path(), None);
    for part in [
        "cargo run -p experiments -- tiny --scale full",
        "0123456789",
        "scale full",
        "seed 1",
        "4,002 held-out pairs",
        "1 claim: 1 holds",
    ] {
        assert!(read.contains(part), "`{part}` is not in {read}");
    }
    put(
        &dir.path().join("experiments/specs/tiny.toml"),
        &SPEC.replace("an arm", "another arm"),
    );
    assert!(text(dir.path(), None).contains("Its spec has changed since"));
}

#[test]
fn the_largest_scale_is_taken_unless_one_is_named() {
    let dir = workspace("#gain(\"tiny.better\")");
    run(dir.path(), "smoke", 1.0);
    assert!(text(dir.path(), None).contains("no results yet"));
    run(dir.path(), "laptop", 2.0);
    assert!(text(dir.path(), None).starts_with("+2.0"));
    run(dir.path(), "full", 3.0);
    assert!(text(dir.path(), None).starts_with("+3.0"));
    assert!(text(dir.path(), Some(Scale::Smoke)).starts_with("+1.0"));
}

#[test]
fn a_number_without_provenance_is_refused() {
    let dir = workspace("nothing is asked for");
    run(dir.path(), "laptop", 1.0);
    fs::remove_file(folder(dir.path(), "laptop").join("provenance.json")).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(error, ProvenanceError::Missing { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "results/tiny/laptop has numbers without provenance: provenance.json is missing; \
         run `cargo run -p experiments -- tiny` again"
    );
}

#[test]
fn a_certificate_that_is_not_the_results_own_is_refused() {
    let dir = workspace("");
    let root = dir.path();
    run(root, "laptop", 1.0);
    forge(root, |c| {
        c["revision"]["commit"] = "ba9876543210ba9876543210".into()
    });
    let message = refusal(root).to_string();
    assert!(
        message.contains(
            "provenance.json says revision = \"ba9876543210\", the result says \"0123456789ab\""
        ),
        "{message}"
    );
    run(root, "laptop", 1.0);
    forge(root, |c| c["scale"] = "smoke".into());
    assert!(refusal(root).to_string().contains("says scale = \"smoke\""));
    run(root, "laptop", 1.0);
    forge(root, |c| c["revision"]["commit"] = Value::Null);
    assert!(matches!(refusal(root), ProvenanceError::NoCommit { .. }));
    run(root, "laptop", 1.0);
    forge(root, |c| c["stages"]["b"] = Value::Null);
    let message = refusal(root).to_string();
    assert!(
        message.contains("the provenance of `arm/1` is incomplete"),
        "{message}"
    );
    run(root, "laptop", 1.0);
    put(&folder(root, "laptop").join("provenance.json"), "{");
    assert!(matches!(refusal(root), ProvenanceError::Unreadable { .. }));
}

#[test]
fn a_result_that_was_edited_is_refused() {
    let dir = workspace("");
    run(dir.path(), "laptop", 1.0);
    let path = folder(dir.path(), "laptop").join("result.json");
    let edited = fs::read_to_string(&path).unwrap().replace("1.0", "9.0");
    put(&path, &edited);
    let message = refusal(dir.path()).to_string();
    assert!(
        message.starts_with(
            "results/tiny/laptop/result.json is not the file that its provenance was written for"
        ),
        "{message}"
    );
}

#[test]
fn a_path_that_leads_nowhere_stops_the_compiler_and_names_its_place() {
    let fault = |text: &str| {
        let dir = workspace(text);
        run(dir.path(), "laptop", 1.0);
        match build(dir.path(), None) {
            Err(PaperError::Compile(CompileError::Text(faults))) => faults.join("\n"),
            other => panic!("it was set: {other:?}"),
        }
    };
    let message = fault("#gain(\"tiny.beter\")");
    assert!(
        message.contains(
            "`tiny.beter` leads nowhere: there is no `beter` in `claims`; there are better"
        ),
        "{message}"
    );
    assert!(message.contains("paper/vrt.typ:2:"), "{message}");
    assert!(fault("#num(\"tinny.x\")").contains("no spec has the id `tinny`; the specs are tiny"));
    assert!(fault("#num(\"tiny.title\")").contains("is no number"));
    assert!(fault("#import \"@preview/cetz:0.4.0\": *").contains("built without a network"));
}
