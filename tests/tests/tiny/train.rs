//! `vrt train` goes on with a policy of the experiments, on pairs of its world, taught by the world's own teacher.

use std::fs;

use experiments::teacher::Teacher;
use experiments::world::teacher::TeacherParams;
use serde_json::Value;
use vrt::eval::Depth;
use vrt::train::{ConfigFile, Model, Pairs, Script, TinyModel};
use vrt_core::op::PaperOps;
use vrt_core::pair::{PairKey, Pool, PreferencePair};
use vrt_core::rollout::rollout;
use vrt_core::sequence::{Input, Sequence};
use vrt_core::view::View;
use vrt_train::atomic;
use vrt_train::tiny::TrainedTiny;
use vrt_view::{Context, TraceRecord, VideoName, jsonl};

use crate::folder::{Folder, TRAINED, utf8};

const CONFIG: &str = r#"tiny = "policy"
out = "trained"

[data]
benchmark = "videogen-rewardbench"
file = "world/pairs.json"
videos = "world"

[cold_start]
traces = "teacher.jsonl"
keep = "formatted"
epochs = 3
batch = 8
schedule = { peak = 1e-3 }

[rft]
samples = 6
epochs = 1
batch = 8
schedule = { peak = 3e-4 }

[grpo]
objective = "vr-thinker"
steps = 2
groups = 4
samples = 4
batch = 16
schedule = { peak = 1e-4 }
"#;

/// What the world's teacher says of each pair, in order, and the sequence as the experiments learn it.
fn taught(folder: &Folder) -> Vec<(TraceRecord, Sequence)> {
    folder.eval("before", &[]);
    let keys = folder.traces("before.jsonl");
    let (rows, policy, world) = folder.known();
    let params = TeacherParams::default();
    let teacher = Teacher::new(&world, &params, policy.vocabulary());
    let own = |row: &Value| u64::from_str_radix(row["key"].as_str().unwrap(), 16).unwrap();
    let pairs: Vec<PreferencePair> = rows
        .iter()
        .map(|row| world.pair(PairKey(own(row))))
        .collect();
    let rules = &policy.header().rules;
    let (rollouts, _) = rollout::<PaperOps, _>(&teacher, &pairs, 1, rules, 2).unwrap();
    let each = rollouts.into_iter().zip(&rows).zip(keys);
    each.map(|((mut rollout, row), known)| {
        let sample = rollout.samples.remove(0);
        let videos = ["path_A", "path_B"].map(|column| VideoName {
            name: row[column].as_str().unwrap().to_owned(),
            fps: None,
        });
        let context = Context {
            source: "teacher",
            videos,
            ..Context::default()
        };
        let pair = &pairs[rollout.pair];
        let mut record = TraceRecord::new(&sample.episode, pair, rules, context).unwrap();
        record.pair = known.pair;
        (record, sample.sequence.unwrap())
    })
    .collect()
}

fn ready(folder: &Folder) -> Vec<(TraceRecord, Sequence)> {
    let taught = taught(folder);
    let records: Vec<TraceRecord> = taught.iter().map(|(record, _)| record.clone()).collect();
    let files = [
        ("teacher.jsonl", jsonl::write(&records)),
        ("train.toml", CONFIG.to_owned()),
    ];
    for (name, text) in files {
        atomic::write(&folder.path(name), text.as_bytes()).unwrap();
    }
    taught
}

/// Everything that is written in an episode, and everything that is seen.
fn told(policy: &TrainedTiny, pool: Pool, sequence: &Sequence) -> (String, Vec<View>) {
    let written = sequence.rows.iter().filter_map(|row| match row.input {
        Input::Text(token) => Some(token),
        Input::View(..) => None,
    });
    let written: Vec<u32> = written.collect();
    let text = policy.vocabulary().render(&written, pool);
    (text, sequence.views().collect())
}

fn losses(folder: &Folder, stage: &str) -> Vec<f64> {
    let path = folder.path(&format!("trained/{stage}/metrics.jsonl"));
    let text = fs::read_to_string(path).unwrap();
    let steps = text.lines().map(|line| serde_json::from_str(line).unwrap());
    steps
        .map(|step: Value| step["loss"].as_f64().unwrap())
        .collect()
}

#[test]
fn three_stages_go_on_with_the_worlds_own_pairs_and_a_text_is_spelled_as_its_teacher_means_it() {
    let folder = &*TRAINED;
    let taught = ready(folder);
    let config = ConfigFile::read(&folder.path("train.toml")).unwrap().config;
    let pairs = Pairs::load(&config.data, Depth::Index, config.seed, 2, &|_, _| Ok(())).unwrap();
    let [policy, trained] = [folder.known().1, folder.known().1];
    let model = TinyModel::<PaperOps>::new(trained).unwrap();
    for (record, meant) in &taught {
        let shown = pairs.shown(record.pair, &record.videos[0].name).unwrap();
        let script = Script::of_record(record, shown);
        let lesson = model.lesson(&script, &pairs).unwrap();
        let pool = pairs.in_order(shown).pool();
        // Frames may be counted from another one than the teacher's: they are the same frames.
        assert_eq!(
            told(&policy, pool, &lesson),
            told(&policy, pool, meant),
            "{}",
            record.pair.0
        );
    }
    // Otherwise nothing was said of calls.
    assert!(taught.iter().any(|(record, _)| record.rounds.len() > 1));

    for stage in ["cold-start", "rft", "grpo"] {
        let config = folder.path("train.toml");
        folder.vrt(&["train", stage, "--config", utf8(&config)]);
    }
    let losses = losses(folder, "cold_start");
    let mean = |steps: &[f64]| steps.iter().sum::<f64>() / steps.len() as f64;
    let [first, last] = [&losses[..4], &losses[losses.len() - 4..]].map(mean);
    assert!(last < first, "{losses:?}");
    let ledger = folder.json("trained/cold_start/ledger.json");
    assert_eq!(ledger["traces"]["lines"], taught.len());
    let result = "trained/grpo/policy.safetensors";
    let policy = TrainedTiny::read(&folder.path(result)).unwrap();
    let provenance = &policy.header().provenance;
    assert_eq!(provenance.arm, "full");
    let since: Vec<&str> = provenance
        .since
        .iter()
        .map(|training| training.stage.as_str())
        .collect();
    assert_eq!(since, ["cold_start", "rft", "grpo"]);
    let report = folder.eval_with(result, "after", &[]);
    assert!(report.contains("judged    32 pairs"), "{report}");
}
