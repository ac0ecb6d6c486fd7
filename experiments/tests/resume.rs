//! A stage that is stopped half-way, and two runs that want the same stage.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use experiments::graph::{Graph, RunError, RunOptions};
use experiments::progress::Display;
use experiments::stage::{Cancel, Cost, Stage, StageContext, StageError, StageId};
use experiments::store::Store;
use serde_json::{Value, json};
use vrt_train::atomic;

/// Sums the numbers below 10, one a step, with a checkpoint after each; stops itself once.
struct Sum {
    stop_at: Option<u64>,
    steps: Arc<AtomicU32>,
}

impl Stage for Sum {
    fn kind(&self) -> &'static str {
        "sum"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        json!({"below": 10})
    }

    fn inputs(&self) -> Vec<StageId> {
        Vec::new()
    }

    fn title(&self) -> String {
        "sum below 10".to_owned()
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: 10.0,
            unit: "numbers",
            default_rate: 10.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        let checkpoint = cx.work().join("state.json");
        let (start, mut sum): (u64, u64) = match fs::read(&checkpoint) {
            Ok(text) => serde_json::from_slice(&text).unwrap(),
            Err(_) => (0, 0),
        };
        cx.progress().start(10, start);
        cx.metrics().resume_at(start)?;
        for step in start..10 {
            if self.stop_at == Some(step) {
                // Beyond the checkpoint, as a kill would leave it.
                cx.metrics().record(step, &json!({"sum": "lost"}))?;
                cx.cancel().request();
            }
            cx.check()?;
            self.steps.fetch_add(1, Ordering::Relaxed);
            sum += step;
            cx.metrics().record(step, &json!({"sum": sum}))?;
            let state = serde_json::to_vec(&(step + 1, sum)).unwrap();
            atomic::write(&checkpoint, &state)?;
            cx.progress().set(step + 1);
        }
        atomic::write(&cx.out().join("sum"), sum.to_string().as_bytes())?;
        Ok(())
    }
}

fn options() -> RunOptions {
    RunOptions {
        threads: 1,
        cancel: Cancel::default(),
        display: Display::silent(),
    }
}

fn sum(stop_at: Option<u64>, steps: &Arc<AtomicU32>) -> (Graph, StageId) {
    let mut graph = Graph::default();
    let stage = Sum {
        stop_at,
        steps: Arc::clone(steps),
    };
    let id = graph.add(Arc::new(stage)).unwrap();
    (graph, id)
}

#[test]
fn a_stopped_stage_continues_to_the_same_bytes() {
    let steps = Arc::new(AtomicU32::new(0));
    let files = |store: &Store, id| {
        let read = |name| fs::read_to_string(store.entry("sum", id).join(name)).unwrap();
        (read("sum"), read("metrics.jsonl"))
    };
    let straight = tempfile::tempdir().unwrap();
    let store = Store::at(straight.path());
    let (graph, id) = sum(None, &steps);
    graph.run(&store, &[id], &options()).unwrap();
    let expected = files(&store, id);
    assert_eq!(expected.0, "45");
    assert_eq!(expected.1.lines().count(), 10);

    steps.store(0, Ordering::Relaxed);
    let stopped = tempfile::tempdir().unwrap();
    let store = Store::at(stopped.path());
    let (graph, id) = sum(Some(6), &steps);
    let error = graph.run(&store, &[id], &options()).unwrap_err();
    assert!(matches!(error, RunError::Interrupted { .. }), "{error}");
    assert!(!store.entry("sum", id).exists());
    let (graph, id) = sum(None, &steps);
    let records = graph.run(&store, &[id], &options()).unwrap();
    assert_eq!(steps.load(Ordering::Relaxed), 10);
    assert_eq!(files(&store, id), expected);
    assert!(records[&id].cost.resumed);
    let left = fs::read_dir(stopped.path().join("work")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn two_runs_build_a_stage_once() {
    let steps = Arc::new(AtomicU32::new(0));
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (graph, id) = sum(None, &steps);
                let store = Store::at(dir.path());
                let records = graph.run(&store, &[id], &options()).unwrap();
                assert!(records.contains_key(&id));
            });
        }
    });
    assert_eq!(steps.load(Ordering::Relaxed), 10);
    for folder in ["tmp", "work"] {
        let left = fs::read_dir(dir.path().join(folder)).unwrap();
        assert_eq!(left.count(), 0, "{folder}");
    }
}

#[test]
fn a_stage_added_before_its_input_is_refused() {
    struct Reader(StageId);
    impl Stage for Reader {
        fn kind(&self) -> &'static str {
            "reader"
        }
        fn version(&self) -> u32 {
            1
        }
        fn params(&self) -> Value {
            Value::Null
        }
        fn inputs(&self) -> Vec<StageId> {
            vec![self.0]
        }
        fn title(&self) -> String {
            "reader".to_owned()
        }
        fn estimate(&self) -> Cost {
            Cost {
                work: 1.0,
                unit: "reads",
                default_rate: 1.0,
            }
        }
        fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
            let other = StageId::of("other", 1, &Value::Null, &[]);
            assert!(matches!(
                cx.input(other),
                Err(StageError::UndeclaredInput(_))
            ));
            cx.input(self.0).map(|_| ())
        }
    }
    let steps = Arc::new(AtomicU32::new(0));
    let (mut graph, id) = sum(None, &steps);
    assert!(Graph::default().add(Arc::new(Reader(id))).is_err());
    let reader = graph.add(Arc::new(Reader(id))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    graph
        .run(&Store::at(dir.path()), &[reader], &options())
        .unwrap();
}
