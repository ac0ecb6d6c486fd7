//! A policy of seconds, exported, and pairs of its world as videos.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use experiments::stage::Cancel;
use experiments::stages::{MAKERS, WORLD_SEED};
use experiments::stats::Row;
use experiments::world::World;
use serde_json::Value;
use vrt_train::atomic;
use vrt_train::tiny::TrainedTiny;
use vrt_view::{TraceRecord, jsonl};

/// The micro recipe: it learns the format, to call, and little else.
const SPEC: &str = r#"
[experiment]
id = "micro"
title = "A policy of seconds"
chain = ["tower", "base", "cold_start", "grpo", "eval"]

[[split]]
id = "short"
label = "short"

[[split]]
id = "medium"
label = "medium"

[base]
world = { p_event = 0.1, p_global = 0.03, p_site = 0.3, p_real = 0.2 }
tower = { steps = 12, batch = 256 }
base = { traces = 512, batch = 8 }
cold_start = { traces = 64, epochs = 10, batch = 8 }
grpo = { steps = 2, prompts = 4, group = 4, batch = 8 }
eval = { pairs_per_split = 16, splits = ["short", "medium"] }

[scale.smoke]
seeds = [1]

[[arm]]
id = "full"
label = "full"
"#;

/// A folder with a trained policy and pairs of its world.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// With `policy`, and `world/` of the pairs that the experiment has judged.
    fn trained() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let there = folder.path("experiments");
        atomic::write(&there.join("specs/micro.toml"), SPEC.as_bytes()).unwrap();
        let values = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/paper-values.toml");
        fs::copy(values, there.join("paper-values.toml")).unwrap();
        let [policy, world] = ["policy", "world"].map(|name| folder.path(name));
        folder.experiments(&["micro", "--scale", "smoke"]);
        folder.experiments(&[
            "export",
            "micro",
            "--scale",
            "smoke",
            "--out",
            utf8(&policy),
        ]);
        let told = folder.experiments(&[
            "pairs",
            "micro",
            "--scale",
            "smoke",
            "--per-split",
            "16",
            "--out",
            utf8(&world),
        ]);
        assert!(told.contains("of 32 of them"), "{told}");
        folder
    }

    /// The rows of the pairs, the policy, and its world in memory.
    pub fn known(&self) -> (Vec<Value>, TrainedTiny, World) {
        let rows = self.json("world/pairs.json").as_array().unwrap().clone();
        assert_eq!(rows.len(), 32);
        let policy = TrainedTiny::read(&self.path("policy")).unwrap();
        let settings = policy.header().world.settings.clone();
        let settings = serde_json::from_value(settings).unwrap();
        (rows, policy, World::new(WORLD_SEED, settings).unwrap())
    }

    /// Judges all pairs; reports, traces and journal have this name.
    pub fn eval(&self, name: &str, more: &[&str]) -> String {
        self.eval_with("policy", name, more)
    }

    /// The same with another policy.
    pub fn eval_with(&self, policy: &str, name: &str, more: &[&str]) -> String {
        let file = |suffix: &str| self.path(&format!("{name}.{suffix}"));
        let [policy, data, world] =
            [policy, "world/pairs.json", "world"].map(|name| self.path(name));
        let [report, traces, run] = ["json", "jsonl", "run"].map(file);
        let whole = [
            ["eval", "videogen-rewardbench"],
            ["--data", utf8(&data)],
            ["--videos", utf8(&world)],
            ["--tiny", utf8(&policy)],
            ["--json", utf8(&report)],
            ["--traces", utf8(&traces)],
            ["--run", utf8(&run)],
        ];
        self.vrt(&[whole.as_flattened(), &["--no-swap"], more].concat())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn experiments(&self, arguments: &[&str]) -> String {
        let mut out = Vec::new();
        let own = arguments.iter().map(OsString::from);
        let root = self.0.path();
        let exit = experiments::cli::run(root, MAKERS, own, &Cancel::default(), &mut out);
        assert_eq!(exit, experiments::cli::Exit::Done, "{arguments:?}");
        String::from_utf8(out).unwrap()
    }

    pub fn vrt(&self, arguments: &[&str]) -> String {
        let mut out = Vec::new();
        let exit = vrt::cli::run(arguments.iter().map(OsString::from), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(exit, vrt::cli::Exit::Done, "{arguments:?}\n{out}");
        out
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    pub fn traces(&self, name: &str) -> Vec<TraceRecord> {
        jsonl::read(name, fs::read(self.path(name)).unwrap().as_slice()).unwrap()
    }

    /// What the experiment says of each pair, in the order of the file.
    pub fn judged(&self) -> Vec<Row> {
        let stages = fs::read_dir(self.path("cache/stages")).unwrap();
        let mut entries = stages.map(|entry| entry.unwrap().path());
        let eval = |path: &PathBuf| utf8(path.file_name().unwrap().as_ref()).starts_with("eval-");
        let text = fs::read_to_string(entries.find(eval).unwrap().join("judgments.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Trained once for all tests.
pub static TRAINED: LazyLock<Folder> = LazyLock::new(Folder::trained);
