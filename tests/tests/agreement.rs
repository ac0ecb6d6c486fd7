//! The trainer's log-probability of a token equals the sampler's, to 1e-4: on the teacher's real episodes, with
//! text, frames and several rounds, under windows of 0, 1 and 3 outcomes.

use dfdx::prelude::{Cpu, NoneTape};
use experiments::kit::{Kit, Offered};
use experiments::teacher::Teacher;
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Split, Training};
use experiments::world::teacher::TeacherParams;
use tests::decoded::decoded;
use vrt_core::episode::Rules;
use vrt_core::model::{Fused, Tiny};
use vrt_core::op::PaperOps;
use vrt_core::pair::{PairKey, PreferencePair};
use vrt_core::policy::FrameBank;
use vrt_core::rollout::rollout;
use vrt_core::sequence::{Packed, Sequence};
use vrt_core::view::View;
use vrt_core::window::MemoryWindow;

/// Episodes of a teacher who never stops early: most have outcomes that leave the window.
fn episodes() -> (Vec<PreferencePair>, Vec<Sequence>) {
    let world = World::new(7, WorldConfig::default()).unwrap();
    let params = TeacherParams {
        stop_first: 0.0,
        stop: 0.1,
        stop_clear: 0.1,
        ..TeacherParams::default()
    };
    let vocabulary = Offered::paper().vocabulary().unwrap();
    let teacher = Teacher::new(&world, &params, &vocabulary);
    let keys = Split::Train(Training::ColdStart).keys(24);
    let pairs: Vec<PreferencePair> = keys.map(|key| world.pair(key)).collect();
    let (rollouts, ledger) =
        rollout::<PaperOps, _>(&teacher, &pairs, 1, &Rules::default(), 1).unwrap();
    assert_eq!(
        ledger.stops[0], 24,
        "every episode of the teacher is answered"
    );
    let sequences = rollouts
        .into_iter()
        .flat_map(|rollout| rollout.samples)
        .filter_map(|sample| sample.sequence);
    (pairs, sequences.collect())
}

/// The same episode seen through another window.
fn through(sequence: &Sequence, window: MemoryWindow) -> Sequence {
    let mut seen = sequence.clone();
    let mut costs: Vec<u32> = Vec::new();
    for row in &mut seen.rows {
        costs.resize(costs.len().max(row.evidence.into()), 0);
        row.oldest = window.oldest(&costs);
    }
    seen
}

#[test]
fn the_trainer_and_the_sampler_agree() {
    let (pairs, sequences) = episodes();
    let rounds = |sequence: &Sequence| sequence.rows.iter().map(|row| row.evidence).max();
    assert!(
        sequences
            .iter()
            .filter(|sequence| rounds(sequence) == Some(3))
            .count()
            > 5
    );
    let dev = Cpu::default();
    let mut model = Tiny::new(&dev, 3);
    // Sharper logits than fresh weights give, so that a wrong mask could not hide.
    let sharp: Vec<f32> = model.to_flat().iter().map(|x| 1.5 * x).collect();
    model.load_flat(&sharp).unwrap();
    let bank = FrameBank::default();
    let tower = model.encoder().unwrap();
    for (pair, sequence) in pairs.iter().zip(&sequences) {
        let wanted: Vec<_> = sequence.views().map(|view| (pair, view)).collect();
        bank.look(&tower, &wanted).unwrap();
    }
    let mut by_width = Vec::new();
    for width in [0, 1, 3] {
        let sequences: Vec<Sequence> = sequences
            .iter()
            .map(|sequence| through(sequence, MemoryWindow::new(width)))
            .collect();
        let mut visual = Vec::new();
        let packed = Packed::new(&sequences, |pair: PairKey, view: View| {
            let token = bank.get(pair, view).unwrap();
            visual.extend_from_slice(&token);
            (visual.len() / token.len()) as u32 - 1
        });
        let visual = model.given_rows(&dev, &visual, NoneTape).unwrap();
        let trained = model
            .token_logps::<Fused, _>(&packed, visual, 0.8)
            .unwrap()
            .logps
            .as_vec();
        let sampled: Vec<f32> = sequences
            .iter()
            .flat_map(|sequence| decoded(&model, &bank, sequence, 0.8))
            .collect();
        assert_eq!(trained.len(), sampled.len());
        for (trained, sampled) in trained.iter().zip(&sampled) {
            assert!(
                (trained - sampled).abs() < 1e-4,
                "p = {width}: {trained} {sampled}"
            );
        }
        by_width.push(trained);
    }
    assert_ne!(by_width[0], by_width[1], "the window must matter");
    assert_ne!(by_width[1], by_width[2], "the window must matter");
}
