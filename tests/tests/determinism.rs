//! Same seed, same bytes: on one thread or two, and however often a run is stopped.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use experiments::graph::{Graph, RunError};
use experiments::metrics;
use experiments::stage::{Cost, Stage, StageContext, StageError, StageId};
use experiments::stages::params::{ArmParams, Decode};
use experiments::store::Store;
use serde_json::Value;
use tests::micro;

/// Files of a store by path.
type Files = BTreeMap<String, Vec<u8>>;

const CHAIN: [&str; 6] = ["tower", "base", "cold_start", "rft", "grpo", "eval"];

/// Judged by sampling: a greedy judge would hide a wrong stream of random numbers.
fn params() -> ArmParams {
    let mut params = micro::params();
    params.eval.decode = Decode::Sampled;
    params
}

/// What a whole chain leaves behind.
fn built(threads: usize, seed: u64) -> Files {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path());
    let (graph, last) = micro::graph(&CHAIN, &params(), seed);
    micro::build(&graph, last, &store, threads).unwrap();
    micro::entries(&store)
}

/// A stage that is asked to stop once it has recorded this many steps.
struct Stopped {
    stage: Arc<dyn Stage>,
    after: usize,
}

impl Stage for Stopped {
    fn kind(&self) -> &'static str {
        self.stage.kind()
    }

    fn version(&self) -> u32 {
        self.stage.version()
    }

    fn params(&self) -> Value {
        self.stage.params()
    }

    fn inputs(&self) -> Vec<StageId> {
        self.stage.inputs()
    }

    fn title(&self) -> String {
        self.stage.title()
    }

    fn estimate(&self) -> Cost {
        self.stage.estimate()
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let cancel = cx.cancel();
        if self.after == 0 {
            cancel.request();
            return self.stage.run(cx);
        }
        let lines = cx.work().join(metrics::FILE);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let steps = fs::read_to_string(&lines).map_or(0, |text| text.lines().count());
                    if steps >= self.after {
                        return cancel.request();
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let result = self.stage.run(cx);
            over.store(true, Ordering::Relaxed);
            result
        })
    }
}

/// The same graph with one kind of stage stopped.
fn stopping(graph: &Graph, kind: &str, after: usize) -> Graph {
    let mut stopping = Graph::default();
    for stage in graph.stages() {
        let stage = Arc::clone(stage);
        let stage = if stage.kind() == kind {
            Arc::new(Stopped { stage, after })
        } else {
            stage
        };
        stopping.add(stage).unwrap();
    }
    stopping
}

#[test]
fn threads_and_interruptions_do_not_change_a_byte() {
    let straight = built(1, 1);
    for kind in CHAIN {
        let whole = straight
            .keys()
            .any(|name| name.starts_with(kind) && name.ends_with("stage.json"));
        assert!(whole, "there is no entry of {kind}");
    }
    same(&straight, &built(2, 1), "two threads");

    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path());
    let (graph, last) = micro::graph(&CHAIN, &params(), 1);
    let stops = [
        ("tower", 1),
        ("base", 0),
        ("base", 9),
        ("base", 40),
        ("cold_start", 0),
        ("cold_start", 30),
        ("cold_start", 55),
        ("rft", 0),
        ("grpo", 1),
        ("eval", 0),
    ];
    for (at, (kind, after)) in stops.into_iter().enumerate() {
        let stopped = stopping(&graph, kind, after);
        let error = micro::build(&stopped, last, &store, 1 + at % 2).unwrap_err();
        assert!(
            matches!(error, RunError::Interrupted { .. }),
            "{kind} after {after}: {error}"
        );
    }
    micro::build(&graph, last, &store, 2).unwrap();
    same(
        &straight,
        &micro::entries(&store),
        "a run that was stopped ten times",
    );
}

fn same(expected: &Files, found: &Files, what: &str) {
    let names = |files: &Files| -> Vec<String> { files.keys().cloned().collect() };
    assert_eq!(names(found), names(expected), "{what}: other files");
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{what}: {name} has other bytes");
    }
}

#[test]
fn another_seed_is_another_run_of_the_same_base() {
    let (one, two) = (built(2, 1), built(2, 2));
    let weights = |files: &Files, kind: &str| -> Vec<u8> {
        let entry = files
            .iter()
            .find(|(name, _)| name.starts_with(kind) && name.ends_with(".safetensors"));
        entry.unwrap().1.clone()
    };
    assert!(weights(&one, "base-") == weights(&two, "base-"));
    for kind in ["cold_start-", "rft-", "grpo-"] {
        assert!(
            weights(&one, kind) != weights(&two, kind),
            "{kind} does not depend on the seed"
        );
    }
}
