//! Stages that cost nothing, for tests of the engine.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use experiments::run::JUDGMENTS;
use experiments::stage::{Cost, Stage, StageContext, StageError, StageId};
use experiments::stages::params::{Decode, Frames};
use experiments::stages::{Link, Maker};
use rand::RngExt;
use serde_json::{Value, json};
use vrt_core::rng::{Purpose, stream};
use vrt_train::atomic;

/// How often any fake stage of this process ran.
pub static RUNS: AtomicU32 = AtomicU32::new(0);

/// Stages for the chain of fig3: training writes a name, judging answers better after more training.
pub const MAKERS: &[(&str, Maker)] = &[
    ("tower", |link| training("tower", 0, link)),
    ("base", |link| training("base", 0, link)),
    ("cold_start", |link| training("cold_start", link.seed, link)),
    ("rft", |link| training("rft", link.seed, link)),
    ("grpo", |link| training("grpo", link.seed, link)),
    ("eval", judging),
];

struct Training {
    kind: &'static str,
    params: Value,
    previous: Option<StageId>,
}

fn training(kind: &'static str, seed: u64, link: &Link) -> Arc<dyn Stage> {
    let all = serde_json::to_value(link.params).unwrap();
    Arc::new(Training {
        kind,
        params: json!({"seed": seed, "table": all[kind]}),
        previous: link.previous,
    })
}

impl Stage for Training {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        self.params.clone()
    }

    fn inputs(&self) -> Vec<StageId> {
        self.previous.into_iter().collect()
    }

    fn title(&self) -> String {
        format!("{} (fake)", self.kind)
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: 10.0,
            unit: "steps",
            default_rate: 1.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let before = match self.previous {
            Some(id) => read(&cx.input(id)?.join("weights"))?,
            None => String::new(),
        };
        cx.check()?;
        atomic::write(
            &cx.out().join("weights"),
            format!("{before}{} ", self.kind).as_bytes(),
        )?;
        Ok(())
    }
}

struct Judging {
    params: Value,
    policy: StageId,
    skill: f64,
    pairs: u32,
}

fn judging(link: &Link) -> Arc<dyn Stage> {
    let eval = &link.params.eval;
    let objective = &link.params.grpo.objective;
    let mut skill: f64 = match eval.frames {
        Frames::Chosen => 0.0,
        Frames::Random => -0.07,
        Frames::None => -0.01,
        Frames::Oracle => 0.13,
    };
    skill -= if eval.window.width == 0 { 0.1 } else { 0.0 };
    skill -= if eval.decode == Decode::Sampled {
        0.04
    } else {
        0.0
    };
    let inside = |term: &str, key: &str| objective.get(term)?.get(key)?.as_float();
    let eta = objective.get("eta").and_then(toml::Value::as_float);
    for (value, usual) in [
        (eta, 0.5),
        (inside("cot_gain", "k"), 0.2),
        (inside("accuracy", "alpha"), 0.5),
    ] {
        skill -= value.map_or(0.0, |value| (value - usual).abs() * 0.06);
    }
    Arc::new(Judging {
        params: json!({"eval": eval, "seed": link.seed, "skill": skill}),
        policy: link.previous.expect("a chain that judges has a policy"),
        skill,
        pairs: eval.pairs_per_split,
    })
}

impl Stage for Judging {
    fn kind(&self) -> &'static str {
        "eval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn params(&self) -> Value {
        self.params.clone()
    }

    fn inputs(&self) -> Vec<StageId> {
        vec![self.policy]
    }

    fn title(&self) -> String {
        "judging (fake)".to_owned()
    }

    fn estimate(&self) -> Cost {
        Cost {
            work: f64::from(self.pairs),
            unit: "pairs",
            default_rate: 100.0,
        }
    }

    fn run(&self, cx: &mut StageContext) -> Result<(), StageError> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let trained = read(&cx.input(self.policy)?.join("weights"))?;
        let steps = trained.split_whitespace().count() as f64;
        let mut text = String::new();
        for (s, split) in ["short", "medium", "long"].into_iter().enumerate() {
            let chance = 0.55 + 0.06 * steps - 0.08 * s as f64 + self.skill;
            for pair in 0..u64::from(self.pairs) {
                let mut facts = stream(0, Purpose::World, s as u64, pair, 0);
                let truth: [u8; 4] = std::array::from_fn(|_| facts.random_range(0..3));
                let luck: f64 = facts.random();
                let mut own = stream(1, Purpose::Token, s as u64, pair, steps as u64);
                let right = 0.5 * (luck + own.random::<f64>()) < chance * 0.8;
                let wrong = [truth[0], truth[1], truth[2], (truth[3] + 1) % 3];
                let answer = if right { truth } else { wrong };
                let row = json!({
                    "pair": (s as u64) << 32 | pair, "split": split, "truth": truth,
                    "answer": (pair % 50 != 7).then_some(answer),
                    "calls": pair % 3, "stop": "answered", "tokens": 40,
                });
                writeln!(text, "{row}").unwrap();
            }
        }
        atomic::write(&cx.out().join(JUDGMENTS), text.as_bytes())?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, StageError> {
    fs::read_to_string(path).map_err(|e| StageError::Failed(Box::new(e)))
}
