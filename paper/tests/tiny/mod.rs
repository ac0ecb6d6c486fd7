//! A workspace with one experiment, its results and their certificates.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

const HEAD: &str = "#import \"lib/style.typ\": *\n";

/// The one spec.
pub const SPEC: &str = r#"
[experiment]
id = "tiny"
title = "Tiny"

[[split]]
id = "short"
label = "short"

[[arm]]
id = "arm"
label = "an arm"
"#;

/// This crate's folder.
pub fn own() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes a file and the folders it is in.
pub fn put(path: &Path, text: &str) {
    vrt_train::atomic::write(path, text.as_bytes()).unwrap();
}

/// A workspace with one experiment `tiny` and this text.
pub fn workspace(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for file in fs::read_dir(own().join("lib")).unwrap() {
        let file = file.unwrap();
        put(
            &root.join("paper/lib").join(file.file_name()),
            &fs::read_to_string(file.path()).unwrap(),
        );
    }
    put(&root.join("paper/vrt.typ"), &format!("{HEAD}{text}"));
    put(&root.join("experiments/specs/tiny.toml"), SPEC);
    put(&root.join("experiments/claims.toml"), "");
    dir
}

/// Where the result of a scale is.
pub fn folder(root: &Path, scale: &str) -> PathBuf {
    root.join("results/tiny").join(scale)
}

/// A result whose only claim has a difference of `gain` points, with the certificate that belongs to it.
pub fn run(root: &Path, scale: &str, gain: f64) {
    let result = json!({
        "id": "tiny", "title": "Tiny", "scale": scale, "seeds": [1], "revision": "0123456789ab",
        "pairs": { "all": 4002 },
        "claims": [{
            "id": "better", "text": "It is better", "verdict": "holds", "paper": null,
            "difference": { "value": gain, "low": gain - 1.0, "high": gain + 1.25 },
        }],
    })
    .to_string();
    put(&folder(root, scale).join("result.json"), &result);
    let certificate = json!({
        "experiment": "tiny", "scale": scale, "seeds": [1], "rustc": "rustc 1.95.0 (x)", "seconds": 90.0,
        "revision": { "commit": "0123456789abcdef0123456789abcdef01234567", "dirty": false },
        "spec": blake3::hash(&fs::read(root.join("experiments/specs/tiny.toml")).unwrap()).to_hex().to_string(),
        "runs": { "arm/1": "b" },
        "stages": {
            "a": {
                "kind": "grpo", "params": { "grpo": { "lr": 4e-4, "steps": 1234 } }, "inputs": [],
                "cost": { "seconds": 3.0, "work": 6000.0, "unit": "episodes", "resumed": false },
            },
            "b": { "kind": "eval", "params": { "eval": { "decode": "greedy" } }, "inputs": ["a"] },
        },
        "files": { "result.json": { "bytes": result.len(), "blake3": blake3::hash(result.as_bytes()).to_hex().to_string() } },
    });
    put(
        &folder(root, scale).join("provenance.json"),
        &certificate.to_string(),
    );
}

/// Changes the certificate.
pub fn forge(root: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder(root, "laptop").join("provenance.json");
    let mut certificate = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut certificate);
    put(&path, &certificate.to_string());
}
