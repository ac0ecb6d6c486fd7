//! The real stages at a size of seconds, for tests of what holds at every size.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use experiments::graph::{Graph, RunError, RunOptions};
use experiments::progress::Display;
use experiments::stage::{Cancel, StageId};
use experiments::stages::params::ArmParams;
use experiments::stages::{MAKERS, chain};
use experiments::store::Store;
use serde_json::Value;

/// The parameters of the micro scale: a policy that has learned the format and little else.
pub fn params() -> ArmParams {
    let mut params = ArmParams::default();
    // So few defects that a policy which only knows the format is often right: rejection sampling keeps traces.
    params.world.p_event = 0.1;
    params.world.p_global = 0.03;
    params.world.p_site = 0.3;
    params.world.p_real = 0.2;
    params.tower.steps = 12;
    params.tower.batch = 256;
    params.base.traces = 512;
    params.base.batch = 8;
    params.cold_start.traces = 64;
    params.cold_start.epochs = 10;
    params.cold_start.batch = 8;
    params.rft.prompts = 48;
    params.rft.samples = 4;
    params.rft.epochs = 2;
    params.rft.batch = 4;
    params.grpo.steps = 2;
    params.grpo.prompts = 4;
    params.grpo.group = 4;
    params.grpo.batch = 8;
    params.eval.pairs_per_split = 16;
    params
}

/// A graph of one chain, and its last stage.
pub fn graph(names: &[&str], params: &ArmParams, seed: u64) -> (Graph, StageId) {
    let mut graph = Graph::default();
    let last = chain(MAKERS, names, &mut graph, params, seed).unwrap();
    (graph, last)
}

/// Builds `target` in the store, silently.
pub fn build(
    graph: &Graph,
    target: StageId,
    store: &Store,
    threads: usize,
) -> Result<(), RunError> {
    let options = RunOptions {
        threads,
        cancel: Cancel::default(),
        display: Display::silent(),
    };
    graph.run(store, &[target], &options).map(drop)
}

/// Every file of every finished stage, by its path in the store; what a stage cost is left out.
pub fn entries(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(&store.root().join("stages"), "", &mut files);
    for (name, bytes) in &mut files {
        if name.ends_with("/stage.json") {
            let mut record: Value = serde_json::from_slice(bytes).unwrap();
            record.as_object_mut().unwrap().remove("cost").unwrap();
            *bytes = record.to_string().into_bytes();
        }
    }
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}
