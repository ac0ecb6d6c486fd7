//! In: the command line. Out: a PDF where it was asked for, gaps by name, exit codes that a script can read.

mod tiny;

use std::path::Path;
use std::process::{Command, Output};

use tiny::{forge, run, workspace};

fn paper(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paper"))
        .arg("--root")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_gap_is_named_and_fails_only_where_none_may_be() {
    let dir = workspace("#gain(\"tiny.better\")");
    let root = dir.path();
    let draft = paper(root, &[]);
    assert!(draft.status.success(), "{}", told(&draft));
    assert!(
        told(&draft).contains(
            "gap: tiny has no results yet; fill it with `cargo run -p experiments -- tiny`"
        ),
        "{}",
        told(&draft)
    );
    assert!(root.join("paper/vrt.pdf").exists());
    assert_eq!(paper(root, &["--complete"]).status.code(), Some(3));
    run(root, "laptop", 1.0);
    let whole = paper(root, &["--complete"]);
    assert!(whole.status.success(), "{}", told(&whole));
    assert_eq!(told(&whole), "");
}

#[test]
fn a_refused_number_leaves_the_last_paper_as_it_is() {
    let dir = workspace("#gain(\"tiny.better\")");
    let root = dir.path();
    run(root, "laptop", 1.0);
    let out = root.join("elsewhere/draft.pdf");
    let arguments = ["--out", out.to_str().unwrap()];
    assert!(paper(root, &arguments).status.success());
    let before = std::fs::read(&out).unwrap();
    forge(root, |certificate| certificate["seeds"] = vec![2].into());
    let refused = paper(root, &arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        told(&refused).starts_with(
            "error: results/tiny/laptop: provenance.json says seeds = [2], the result says [1]"
        ),
        "{}",
        told(&refused)
    );
    assert_eq!(std::fs::read(&out).unwrap(), before);
}
