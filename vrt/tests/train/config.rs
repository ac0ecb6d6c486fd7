//! What a configuration says, and how its mistakes are told.

use std::path::Path;

use vrt::train::{ConfigFile, StageName};

use crate::school::CONFIG;

fn refused(changes: &[(&str, &str)]) -> String {
    let mut text = CONFIG.to_owned();
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
    assert_eq!(config.checkpoint, Path::new("somewhere/base"));
    assert_eq!(config.data.file, Path::new("somewhere/data"));
    assert_eq!(
        config.cold_start.unwrap().traces,
        Path::new("somewhere/teacher.jsonl")
    );
}

/// The TOML of a text between fences.
fn fenced(text: &str) -> String {
    let blocks = text.split("```toml\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/training.md");
    let text = fenced(&std::fs::read_to_string(docs).unwrap());
    let file = ConfigFile::parse(Path::new("train.toml"), text).unwrap();
    let config = &file.config;
    for (stage, there) in [
        (StageName::ColdStart, config.cold_start.is_some()),
        (StageName::Rft, config.rft.is_some()),
        (StageName::Grpo, config.grpo.is_some()),
    ] {
        assert!(there, "{stage}");
    }
}
