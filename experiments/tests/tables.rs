//! The specs of the tables, and the judges that only they have.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dfdx::prelude::Cpu;
use experiments::cli::{self, Exit};
use experiments::graph::Graph;
use experiments::kit::{Kit, Offered};
use experiments::reward_head::{RewardHead, of_logps};
use experiments::spec::{Scale, Spec};
use experiments::stage::{Cancel, StageId};
use experiments::stages::score::rewards;
use experiments::stages::{MAKERS, chain};
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Length, Split};
use serde_json::Value;
use vrt_core::model::decode::Engine;
use vrt_core::model::{Frames, Fused, Tiny};
use vrt_core::pair::{PreferencePair, Side};
use vrt_core::sequence::Packed;

fn spec(id: &str) -> Spec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    Spec::load(&folder.join(format!("{id}.toml"))).unwrap()
}

/// The last trained stage of an arm at a scale, and the last of all.
fn last(spec: &Spec, arm: &str, scale: Scale) -> [StageId; 2] {
    let arms = spec.arms(scale).unwrap();
    let arm = arms.iter().find(|one| one.id == arm).unwrap();
    let names: Vec<&str> = arm.chain.iter().map(String::as_str).collect();
    let judges = |name: &&str| ["eval", "score"].contains(name);
    let training: Vec<&str> = names.iter().copied().filter(|name| !judges(name)).collect();
    [&training, &names]
        .map(|names| chain(MAKERS, names, &mut Graph::default(), &arm.params, 1).unwrap())
}

#[test]
fn the_full_arm_of_a_table_is_the_full_arm_of_figure_3() {
    let figure = spec("fig3");
    for table in TABLES {
        for scale in Scale::ALL {
            let [theirs, ours] = [&figure, &spec(table)].map(|spec| last(spec, "full", scale));
            assert_eq!(
                theirs[0], ours[0],
                "{table} at {scale:?} trains a policy of its own"
            );
            if ["table4", "table6"].contains(&table) {
                assert_eq!(theirs, ours, "{table} at {scale:?} judges pairs of its own");
            }
        }
    }
}

const TABLES: [&str; 6] = ["table1", "table2", "table3", "table4", "table5", "table6"];

/// Every table at smoke scale, over one cache as on a desk.
#[test]
fn every_table_runs_at_smoke_scale_and_shares_its_stages() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = root.join("experiments");
    fs::create_dir_all(there.join("specs")).unwrap();
    fs::copy(
        here.join("paper-values.toml"),
        there.join("paper-values.toml"),
    )
    .unwrap();
    for id in TABLES {
        let spec = format!("specs/{id}.toml");
        fs::copy(here.join(&spec), there.join(&spec)).unwrap();
    }
    let run = |line: &str| {
        let mut out = Vec::new();
        let arguments = line.split_whitespace().map(OsString::from);
        let exit = cli::run(root, MAKERS, arguments, &Cancel::default(), &mut out);
        assert_eq!(exit, Exit::Done, "{line}");
        String::from_utf8(out).unwrap()
    };
    let result = |id: &str| -> Value {
        let path = root.join(format!("results/{id}/smoke/result.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    for id in TABLES {
        let text = run(&format!("{id} --scale smoke"));
        let spec = spec(id);
        for arm in &spec.file.arms {
            assert!(text.contains(&arm.label), "{} is not in\n{text}", arm.label);
        }
        let plan = run(&format!("{id} --scale smoke --dry-run"));
        assert!(plan.contains(" 0 to build"), "{plan}");
    }
    // VR-Thinker is trained once for all six; the other five policies are those of table1 (reasoning with GRPO), of
    // table4 (without), and the three of table6 that leave a length out.
    let stages = fs::read_dir(root.join("cache/stages")).unwrap();
    let grpo = stages.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("grpo-")
    });
    assert_eq!(grpo.count(), 1 + 1 + 3);

    let table1 = result("table1");
    assert_eq!(table1["always_tie"]["tied"], 60.0);
    assert_eq!(table1["pairs"]["decided"], 40);
    let table2 = result("table2");
    assert_eq!(table2["pairs"]["longest_videos"], 48);
    let table3 = result("table3");
    assert_eq!(table3["pairs"]["tied.redundant"], 36);
    // What is counted is the same in every run; what is timed is not compared.
    let memory = |result: &Value| -> Vec<(f64, u64)> {
        let arms = result["arms"].as_array().unwrap();
        let costs = arms.iter().map(|arm| &arm["costs"]);
        costs
            .map(|costs| {
                (
                    costs["kv_bytes"].as_f64().unwrap(),
                    costs["kv_bytes_most"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    let first = memory(&result("table5"));
    run("table5 --scale smoke --threads 2");
    assert_eq!(memory(&result("table5")), first);
    let [p1, p3, at_8, at_32, all] = first[..] else {
        panic!("table5 has five arms: {first:?}")
    };
    assert!(
        p1.0 <= p3.0 && at_8.0 < at_32.0 && at_32.0 < all.0,
        "{first:?}"
    );
}

fn pairs() -> Vec<PreferencePair> {
    let world = World::new(6, WorldConfig::default()).unwrap();
    Split::Design(Length::Medium)
        .keys(5)
        .map(|key| world.pair(key))
        .collect()
}

#[test]
fn a_reward_is_the_same_in_training_and_in_judging() {
    let model = Tiny::new(&Cpu::default(), 3);
    let vocabulary = Offered::paper().vocabulary().unwrap();
    let head = RewardHead::new(&vocabulary, 4).unwrap();
    let mut engine = Engine::new(Arc::new(model.decoder_weights().unwrap()));
    let pairs = pairs();
    let decoded = rewards(&model, &mut engine, head, &pairs).unwrap();
    for (pair, decoded) in pairs.iter().zip(decoded) {
        for (side, decoded) in Side::BOTH.into_iter().zip(decoded) {
            let sequence = head.sequence(pair, side).unwrap();
            let mut patches = Vec::new();
            for view in sequence.views() {
                patches.extend(model.patchify(&pair.view(view).unwrap()).unwrap());
            }
            let mut shown = 0;
            let packed = Packed::new([&sequence], |_, _| {
                shown += 1;
                shown - 1
            });
            let mut trained = None;
            model
                .loss_gradients::<Fused>(
                    &Cpu::default(),
                    &packed,
                    Frames::Patches(&patches),
                    1.0,
                    |logp, _| {
                        trained = Some(of_logps(logp));
                        (0.0, vec![0.0; logp.len()])
                    },
                )
                .unwrap();
            for (ours, theirs) in trained.unwrap().into_iter().zip(decoded) {
                assert!(
                    (ours - theirs).abs() < 1e-4,
                    "{ours} in training, {theirs} in judging"
                );
            }
        }
    }
}

#[test]
fn a_video_has_the_same_rewards_in_either_place() {
    let model = Tiny::new(&Cpu::default(), 3);
    let vocabulary = Offered::paper().vocabulary().unwrap();
    let head = RewardHead::new(&vocabulary, 4).unwrap();
    let mut engine = Engine::new(Arc::new(model.decoder_weights().unwrap()));
    let pairs = pairs();
    let swapped: Vec<PreferencePair> = pairs
        .iter()
        .map(|pair| PreferencePair {
            videos: [pair.videos[1].clone(), pair.videos[0].clone()],
            ..pair.clone()
        })
        .collect();
    let here = rewards(&model, &mut engine, head, &pairs).unwrap();
    let there = rewards(&model, &mut engine, head, &swapped).unwrap();
    for ([a, b], [c, d]) in here.into_iter().zip(there) {
        assert_eq!((a, b), (d, c));
        assert_ne!(a, b, "two videos are not one");
    }
}
