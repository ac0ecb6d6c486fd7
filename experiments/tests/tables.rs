//! The specs of the tables, and the judges that only they have.

use std::path::Path;
use std::sync::Arc;

use dfdx::prelude::Cpu;
use experiments::graph::Graph;
use experiments::kit::{Kit, Offered};
use experiments::reward_head::{RewardHead, of_logps};
use experiments::spec::{Scale, Spec};
use experiments::stage::StageId;
use experiments::stages::score::rewards;
use experiments::stages::{MAKERS, chain};
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Length, Split};
use vrt_core::model::decode::Engine;
use vrt_core::model::{Frames, Fused, Tiny};
use vrt_core::pair::{PreferencePair, Side};
use vrt_core::sequence::Packed;

fn spec(id: &str) -> Spec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    Spec::load(&folder.join(format!("{id}.toml"))).unwrap()
}

/// The last trained stage of an arm at a scale.
fn trained(spec: &Spec, arm: &str, scale: Scale) -> StageId {
    let arms = spec.arms(scale).unwrap();
    let arm = arms.iter().find(|one| one.id == arm).unwrap();
    let names: Vec<&str> = arm.chain.iter().map(String::as_str).collect();
    let (_, training) = names.split_last().unwrap();
    chain(MAKERS, training, &mut Graph::default(), &arm.params, 1).unwrap()
}

#[test]
fn the_full_arm_of_a_table_is_the_full_arm_of_figure_3() {
    let figure = spec("fig3");
    for table in ["table1", "table2", "table3", "table4", "table6"] {
        for scale in Scale::ALL {
            let (theirs, ours) = (
                trained(&figure, "full", scale),
                trained(&spec(table), "full", scale),
            );
            assert_eq!(
                theirs, ours,
                "{table} at {scale:?} trains a policy of its own"
            );
        }
    }
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
