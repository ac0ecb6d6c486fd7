//! What a log-probability may depend on: causality, the memory window, the sequence it stands in.

use dfdx::prelude::*;
use vrt_core::model::decoder::Decoder;
use vrt_core::model::dims::{SmallTower, Tiny};
use vrt_core::model::ops::{Composed, Fused, Ops};
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::sequence::Packed;
use vrt_core::window::visible;

use crate::support::{FRAMES, batch, dense_batch, patches};

/// One layer: a row sees another only directly, never through a third.
type OneLayer = Qwen25Vl<SmallTower<64>, Decoder<384, 64, 1, 4, 2, 64, 32, 176>>;

fn logps<O: Ops<Cpu>>(model: &OneLayer, batch: &Packed, rows: &[f32]) -> Vec<f32> {
    let visual = model.given_rows(&Cpu::default(), rows, NoneTape).unwrap();
    model
        .token_logps::<O, _>(batch, visual, 1.0)
        .unwrap()
        .logps
        .as_vec()
}

fn each_row_moves_what_sees_it<O: Ops<Cpu>>() {
    let dev = Cpu::default();
    let model = OneLayer::with_config(&dev, Tiny::CONFIG, 7);
    let frames = model
        .visual_rows::<Fused>(&dev, &patches(7, FRAMES))
        .unwrap();
    // One frame that no row shows yet, far from the others.
    let mut rows = frames.clone();
    rows.extend(frames[..64].iter().map(|value| 5.0 - 3.0 * value));
    for width in [0, 1, 2] {
        let plain = dense_batch(7, &[27, 6], 6, width);
        let before = logps::<O>(&model, &plain, &rows);
        for (at, &changed) in plain.visual_rows.iter().enumerate() {
            let mut other = plain.clone();
            other.visual_index[at] = FRAMES as u32;
            let after = logps::<O>(&model, &other, &rows);
            for (target, (before, after)) in plain.target_rows.iter().zip(before.iter().zip(&after))
            {
                let together = (changed < plain.starts[1]) == (*target < plain.starts[1]);
                let sees = together
                    && changed <= *target
                    && visible(
                        plain.evidence[changed as usize],
                        plain.oldest[*target as usize],
                    );
                // A row always carries itself along, even where its own evidence is hidden from it.
                let depends = sees || changed == *target;
                assert_eq!(
                    depends,
                    before != after,
                    "width {width}: row {changed} on row {target}"
                );
            }
        }
    }
}

#[test]
fn each_row_moves_what_sees_it_fused() {
    each_row_moves_what_sees_it::<Fused>();
}

#[test]
fn each_row_moves_what_sees_it_composed() {
    each_row_moves_what_sees_it::<Composed>();
}

#[test]
fn a_token_leaves_the_past_and_other_sequences_alone() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 8);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches(8, FRAMES))
        .unwrap();
    let plain = dense_batch(8, &[20, 24, 9], 9, 1);
    let run = |batch: &Packed| {
        let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
        model
            .token_logps::<Fused, _>(batch, visual, 1.0)
            .unwrap()
            .logps
            .as_vec()
    };
    let before = run(&plain);
    let changed = plain.starts[1] as usize + 17;
    let mut other = plain.clone();
    other.tokens[changed] = (other.tokens[changed] + 1) % 384;
    let after = run(&other);
    for (target, (before, after)) in plain.target_rows.iter().zip(before.iter().zip(&after)) {
        let later = (changed as u32..plain.starts[2]).contains(target);
        assert_eq!(later, before != after, "row {target}");
    }
}

#[test]
fn a_sequence_scores_the_same_alone_and_in_company() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 9);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches(9, FRAMES))
        .unwrap();
    let run = |batch: &Packed| {
        let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
        model
            .token_logps::<Fused, _>(batch, visual, 1.0)
            .unwrap()
            .logps
            .as_vec()
    };
    // The first sequence of a batch does not depend on the lengths that follow.
    let (alone, company) = (batch(9, &[21], 1), batch(9, &[21, 30, 5], 1));
    for (alone, company) in run(&alone).iter().zip(&run(&company)) {
        assert!((alone - company).abs() < 1e-5, "{alone} {company}");
    }
}
