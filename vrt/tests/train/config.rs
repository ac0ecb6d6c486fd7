//! What a configuration says, and how its mistakes are told.

use std::path::Path;

use vrt::train::tables::ModelTable;
use vrt::train::{ConfigFile, StageName};

use crate::school::{CONFIG, TINY};

fn refused(changes: &[(&str, &str)]) -> String {
    refused_in(CONFIG, changes)
}

fn refused_in(config: &str, changes: &[(&str, &str)]) -> String {
    let mut text = config.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let parsed = ConfigFile::parse(Path::new("train.toml"), text);
    parsed.unwrap_err().to_string()
}

#[test]
fn mistakes_are_underlined() {
    let mistakes = [
        ("an unknown key", refused(&[("epochs = 6", "epochz = 6")])),
        ("no checkpoint", refused(&[("checkpoint = \"base\"\n", "")])),
        ("no pass", refused(&[("epochs = 6", "epochs = 0")])),
        ("a rate", refused(&[("peak = 2e-2", "peak = -1.0")])),
        ("one sample", refused(&[("samples = 4", "samples = 1")])),
        (
            "a temperature",
            refused(&[("max_tokens = 12", "temperature = 0.0")]),
        ),
        (
            "a benchmark",
            refused(&[("videogen-rewardbench", "videogen")]),
        ),
        ("an objective", refused(&[("vr-thinker", "vr-thinkr")])),
        (
            "a beta",
            refused(&[("betas = [0.9, 0.98]", "betas = [0.9, 1.0]")]),
        ),
        ("a rank", refused(&[("rank = 8", "rank = 0")])),
        (
            "a picture",
            refused(&[("picture_tokens = 4", "picture_tokens = 1")]),
        ),
        (
            "an objective's number",
            refused(&[("steps = 2\n", "steps = 2\nparameters = { etta = 1.0 }\n")]),
        ),
        (
            "out of range",
            refused(&[("steps = 2\n", "steps = 2\nparameters = { eta = -1.0 }\n")]),
        ),
    ];
    let told = mistakes.map(|(what, told)| format!("# {what}\n{told}\n"));
    insta::assert_snapshot!(told.concat());
}

#[test]
fn paths_start_from_the_file() {
    let path = Path::new("somewhere/train.toml");
    let config = ConfigFile::parse(path, CONFIG.to_owned()).unwrap().config;
    let ModelTable::Checkpoint(model) = config.model else {
        panic!("{:?}", config.model)
    };
    assert_eq!(model.folder, Path::new("somewhere/base"));
    assert_eq!(config.data.file, Path::new("somewhere/data"));
    assert_eq!(
        config.cold_start.unwrap().traces,
        Path::new("somewhere/teacher.jsonl")
    );
}

#[test]
fn what_does_not_go_with_a_tiny_policy_is_underlined() {
    let refused = |changes: &[(&str, &str)]| refused_in(TINY, changes);
    let top = |line: &'static str| [("seed = 5\n", line)];
    let mistakes = [
        ("both", refused(&top("checkpoint = \"base\"\n"))),
        ("neither", refused(&[("tiny = \"policy\"\n", "")])),
        (
            "rules",
            refused(&[("[data]", "[rules]\nmax_calls = 1\n\n[data]")]),
        ),
        (
            "adapters",
            refused(&[("[data]", "[adapters]\nrank = 8\nalpha = 8.0\n\n[data]")]),
        ),
        ("a picture", refused(&top("picture_tokens = 4\n"))),
        ("a batch", refused(&top("side_by_side = 4\n"))),
        (
            "a start",
            refused(&[("[grpo]", "[grpo]\nstart = \"checkpoint\"")]),
        ),
        (
            "a start of another kind",
            refused_in(CONFIG, &[("[rft]", "[rft]\nstart = \"tiny\"")]),
        ),
    ];
    let told = mistakes.map(|(what, told)| format!("# {what}\n{told}\n"));
    insta::assert_snapshot!(told.concat());
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/training.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let fenced = docs.split("```toml\n").skip(1);
    let examples = fenced.map(|rest| rest.split("```").next().unwrap());
    let models = examples.map(|text| {
        let file = ConfigFile::parse(Path::new("train.toml"), text.to_owned()).unwrap();
        for stage in [StageName::ColdStart, StageName::Rft, StageName::Grpo] {
            file.start(stage).unwrap();
        }
        file.config.model
    });
    let models: Vec<ModelTable> = models.collect();
    let [ModelTable::Checkpoint(_), ModelTable::Tiny(_)] = models.as_slice() else {
        panic!("{models:?}")
    };
}
