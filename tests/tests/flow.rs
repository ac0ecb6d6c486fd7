//! From pairs to a figure: the shipped spec with its stages at micro size, through the command line's own entry.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use experiments::cli::{self, Exit};
use experiments::stage::Cancel;
use experiments::stages::MAKERS;
use experiments::stats::Row;
use serde_json::Value;
use tests::micro;

const FILES: [&str; 5] = [
    "figure.svg",
    "figure.png",
    "table.md",
    "result.json",
    "provenance.json",
];

/// A workspace whose fig3 has the shipped arms, panels and claims, and a smoke scale of seconds.
fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments");
    let text = fs::read_to_string(shipped.join("specs/fig3.toml")).unwrap();
    let mut spec: toml::Table = text.parse().unwrap();
    // A policy of seconds hardly knows decided pairs, so that its diff may be 0: half of the panels show tau.
    for panel in spec["panel"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .skip(1)
        .step_by(2)
    {
        panel["metric"] = "tau".into();
    }
    let scale = spec["scale"]["smoke"].as_table_mut().unwrap();
    let micro = toml::Table::try_from(micro::params()).unwrap();
    for (stage, keys) in [
        ("tower", vec!["steps", "batch"]),
        ("base", vec!["traces", "batch"]),
        ("cold_start", vec!["traces", "epochs", "batch"]),
        ("rft", vec!["prompts", "samples", "epochs", "batch"]),
        ("grpo", vec!["steps", "prompts", "group", "batch"]),
        ("eval", vec!["pairs_per_split"]),
    ] {
        let table = keys
            .into_iter()
            .map(|key| (key.to_owned(), micro[stage][key].clone()));
        scale.insert(stage.to_owned(), toml::Value::Table(table.collect()));
    }
    spec["base"]
        .as_table_mut()
        .unwrap()
        .insert("world".to_owned(), micro["world"].clone());
    let there = dir.path().join("experiments");
    let spec = toml::to_string(&spec).unwrap();
    vrt_train::atomic::write(&there.join("specs/fig3.toml"), spec.as_bytes()).unwrap();
    fs::copy(
        shipped.join("paper-values.toml"),
        there.join("paper-values.toml"),
    )
    .unwrap();
    dir
}

fn run(root: &Path, line: &str) -> (Exit, String) {
    let mut out = Vec::new();
    let arguments = line.split_whitespace().map(OsString::from);
    let exit = cli::run(root, MAKERS, arguments, &Cancel::default(), &mut out);
    (exit, String::from_utf8(out).unwrap())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Percent of right overall judgments, among all pairs or among those that are no tie.
fn accuracy(rows: &[Row], split: &str, decided: bool) -> f64 {
    let counted = rows
        .iter()
        .filter(|row| split == "all" || row.split == split);
    let counted: Vec<&Row> = counted
        .filter(|row| !decided || row.truth[3] != 0)
        .collect();
    let right = counted
        .iter()
        .filter(|row| row.answer.is_some_and(|answer| answer[3] == row.truth[3]));
    100.0 * right.count() as f64 / counted.len() as f64
}

/// The judgments behind an arm's run, by way of the certificate.
fn judgments(root: &Path, certificate: &Value, run: &str) -> Vec<Row> {
    let id = certificate["runs"][run]
        .as_str()
        .unwrap_or_else(|| panic!("no stage of {run}"));
    let kind = certificate["stages"][id]["kind"].as_str().unwrap();
    let entry = root
        .join("cache/stages")
        .join(format!("{kind}-{}", &id[..16]));
    let text = fs::read_to_string(entry.join("judgments.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The cells `[split, ours]` of each arm of each panel of the table, by panel title and arm label.
fn cells(table: &str) -> BTreeMap<(String, String, String), String> {
    let (mut panel, mut arm) = (String::new(), String::new());
    let mut cells = BTreeMap::new();
    for line in table.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            panel = title.to_owned();
        }
        let row: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if row.len() < 9 || row[0] == "arm" || row[0].starts_with('-') || row[0].starts_with(':') {
            continue;
        }
        if !row[0].is_empty() {
            arm = row[0].to_owned();
        }
        cells.insert(
            (panel.clone(), arm.clone(), row[1].to_owned()),
            row[3].to_owned(),
        );
    }
    cells
}

#[test]
fn from_pairs_to_the_figure() {
    let dir = workspace();
    let root = dir.path();
    let (exit, table) = run(root, "fig3 --scale smoke --threads 2");
    assert_eq!(exit, Exit::Done, "{table}");
    let folder = root.join("results/fig3/smoke");
    let bytes = || FILES.map(|name| fs::read(folder.join(name)).unwrap());
    let first = bytes();
    assert!(first[0].starts_with(b"<svg") || first[0].starts_with(b"<?xml"));
    assert!(first[1].starts_with(b"\x89PNG"));
    let written = String::from_utf8(first[2].clone()).unwrap();
    assert!(
        table.starts_with(written.trim_end()),
        "the terminal shows the table"
    );

    let (result, certificate) = (
        json(&folder.join("result.json")),
        json(&folder.join("provenance.json")),
    );
    let cells = cells(&written);
    let spec: toml::Table = fs::read_to_string(root.join("experiments/specs/fig3.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let listed = |key: &str| spec[key].as_array().unwrap().clone();
    let arms = result["arms"].as_array().unwrap();
    assert_eq!(arms.len(), listed("arm").len());
    let mut compared = 0;
    for arm in arms {
        let id = arm["id"].as_str().unwrap();
        let rows = judgments(root, &certificate, &format!("{id}/1"));
        assert_eq!(rows.len(), 48, "{id}");
        let sampled = judgments(root, &certificate, &format!("{id}/1/beside"));
        for split in ["short", "medium", "long", "all"] {
            for (metric, decided) in [("tau", false), ("diff", true)] {
                let part = &arm["parts"][split];
                let said = |look: &Value| look[metric]["value"].as_f64().unwrap();
                for (look, rows) in [(&part["metrics"], &rows), (&part["beside"], &sampled)] {
                    let ours = accuracy(rows, split, decided);
                    assert!(
                        (said(look) - ours).abs() < 1e-9,
                        "{id} {split} {metric}: {look} is not {ours}"
                    );
                }
                for panel in result["panels"].as_array().unwrap() {
                    let members = panel["arms"].as_array().unwrap();
                    if panel["metric"] != metric || !members.contains(&arm["id"]) {
                        continue;
                    }
                    let title = format!("{} ({metric} %)", panel["title"].as_str().unwrap());
                    let label = arm["label"].as_str().unwrap().to_owned();
                    let cell = &cells[&(title, label, split.to_owned())];
                    let shown = format!("{:.1} ±", accuracy(&rows, split, decided));
                    assert!(
                        cell.starts_with(&shown),
                        "{id} {split}: {cell} does not start with {shown}"
                    );
                    compared += 1;
                }
            }
        }
    }
    let members = listed("panel")
        .into_iter()
        .map(|panel| panel["arms"].as_array().unwrap().len());
    assert_eq!(
        compared,
        4 * members.sum::<usize>(),
        "every row of every panel"
    );

    let claims = result["claims"].as_array().unwrap();
    assert_eq!(claims.len(), listed("claim").len());
    for claim in claims {
        let verdict = claim["verdict"].as_str().unwrap();
        assert!(
            ["holds", "does_not_hold", "undecided"].contains(&verdict),
            "{claim}"
        );
        assert!(written.contains(claim["text"].as_str().unwrap()), "{claim}");
    }

    let stages = records(root);
    let (exit, again) = run(root, "fig3 --scale smoke --threads 1");
    assert_eq!((exit, &again), (Exit::Done, &table));
    assert_eq!(records(root), stages, "the second run builds nothing");
    assert!(bytes() == first, "the second run writes the same bytes");
    let (_, plan) = run(root, "fig3 --scale smoke --dry-run");
    assert!(plan.contains(" 0 to build"), "{plan}");

    damage(root, &table);
    assert!(
        bytes()[..4] == first[..4],
        "what was damaged is built again to the same bytes"
    );
}

/// A flipped bit in judgments and in weights: each is named, set aside, and built again.
fn damage(root: &Path, table: &str) {
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        vrt_train::atomic::write(path, &bytes).unwrap();
    };
    let entries = records(root);
    let entry = |id: &Value| {
        let short = &id.as_str().unwrap()[..16];
        entries
            .keys()
            .find(|path| path.to_str().unwrap().ends_with(short))
            .unwrap()
    };
    let mut judged = entries.keys().filter(|path| kind(path) == "eval");
    flip(&judged.next().unwrap().join("judgments.jsonl"));
    // Weights are read only by what is not built yet.
    let reader = judged
        .find(|path| kind(entry(&inputs(path)[0])) == "grpo")
        .unwrap();
    flip(&entry(&inputs(reader)[0]).join("model.safetensors"));
    fs::remove_dir_all(reader).unwrap();
    let (_, plan) = run(root, "fig3 --scale smoke --dry-run");
    for file in ["judgments.jsonl", "model.safetensors"] {
        assert!(plan.contains(&format!("({file} has changed)")), "{plan}");
    }
    let (exit, again) = run(root, "fig3 --scale smoke --threads 2");
    assert_eq!((exit, again.as_str()), (Exit::Done, table));
    assert!(records(root).keys().eq(entries.keys()));
    assert_eq!(fs::read_dir(root.join("cache/damaged")).unwrap().count(), 2);
}

/// What a finished stage was built from.
fn inputs(entry: &Path) -> Vec<Value> {
    json(&entry.join("stage.json"))["inputs"]
        .as_array()
        .unwrap()
        .clone()
}

fn kind(entry: &Path) -> &str {
    let name = entry.file_name().unwrap().to_str().unwrap();
    name.rsplit_once('-').unwrap().0
}

/// The certificates of all finished stages, by entry.
fn records(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(root.join("cache/stages")).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let record = fs::read(path.join("stage.json")).unwrap();
            (path, record)
        })
        .collect()
}
