//! The typed model: hand-written operations against composed ones, gradients, masks, parameters.

use crate::support::{FRAMES, batch, loss_of, patches};
use dfdx::prelude::*;
use vrt_core::model::dims::Tiny;
use vrt_core::model::gradients::{Frames, Shard};
use vrt_core::model::ops::{Composed, Fused, Ops};
use vrt_core::sequence::Packed;

fn shard<O: Ops<Cpu>>(model: &Tiny, batch: &Packed, seed: u64, t: f32) -> Shard {
    let frames = patches(seed, FRAMES);
    model
        .loss_gradients::<O>(
            &Cpu::default(),
            batch,
            Frames::Patches(&frames),
            t,
            |logps, entropy| {
                assert!(entropy.iter().all(|&nats| nats > 0.0));
                loss_of(logps)
            },
        )
        .unwrap()
}

#[test]
fn fused_equals_composed_in_loss_and_gradient() {
    for (seed, width, temperature) in [(1, 0, 1.0), (2, 1, 0.7), (3, 2, 1.0)] {
        let model = Tiny::new(&Cpu::default(), seed);
        let batch = batch(seed, &[23, 40, 9], width);
        let fused = shard::<Fused>(&model, &batch, seed, temperature);
        let composed = shard::<Composed>(&model, &batch, seed, temperature);
        assert!(
            (fused.loss - composed.loss).abs() < 1e-4,
            "{} {}",
            fused.loss,
            composed.loss
        );
        let mut wrong = Vec::new();
        for spec in model.layout() {
            let range = spec.offset..spec.offset + spec.shape.iter().product::<usize>();
            let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
            let (a, b) = (&fused.grads[range.clone()], &composed.grads[range]);
            let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            if norm(&difference) > 1e-4 * norm(b) + 1e-5 {
                wrong.push(format!(
                    "{}: off by {} of {}",
                    spec.name,
                    norm(&difference),
                    norm(b)
                ));
            }
        }
        assert!(wrong.is_empty(), "width {width}: {wrong:#?}");
    }
}

#[test]
fn entropy_and_log_probabilities_agree_between_implementations() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 5);
    let batch = batch(5, &[30, 12], 1);
    let frames = patches(5, FRAMES);
    let run = |rows: Vec<f32>, fused: bool| {
        let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
        let scored = if fused {
            model.token_logps::<Fused, _>(&batch, visual, 0.8)
        } else {
            model.token_logps::<Composed, _>(&batch, visual, 0.8)
        };
        let scored = scored.unwrap();
        (scored.logps.as_vec(), scored.entropy)
    };
    let (a, entropy_a) = run(model.visual_rows::<Fused>(&dev, &frames).unwrap(), true);
    let (b, entropy_b) = run(model.visual_rows::<Composed>(&dev, &frames).unwrap(), false);
    for (a, b) in a.iter().zip(&b).chain(entropy_a.iter().zip(&entropy_b)) {
        assert!((a - b).abs() < 2e-5, "{a} {b}");
    }
}

#[test]
fn the_step_for_any_device_is_the_fused_one() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 4);
    let batch = batch(4, &[25, 14], 1);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches(4, FRAMES))
        .unwrap();
    let fused = model
        .loss_gradients::<Fused>(&dev, &batch, Frames::Rows(&rows), 0.9, |logps, _| {
            loss_of(logps)
        })
        .unwrap();
    let moved = model.text.on(&dev).unwrap();
    let shard = moved
        .composed_gradients(&Tiny::CONFIG.text, &batch, &rows, 0.9, |logps, _| {
            loss_of(logps)
        })
        .unwrap();
    let expected = &fused.grads[fused.grads.len() - shard.grads.len()..];
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let size = norm(&mut expected.iter().copied());
    let off = norm(&mut shard.grads.iter().zip(expected).map(|(a, b)| a - b));
    assert!(size > 0.1 && off < 1e-4 * size, "off by {off} of {size}");
    assert!((fused.loss - shard.loss).abs() < 1e-4);
    let short = moved.composed_gradients(&Tiny::CONFIG.text, &batch, &rows[1..], 0.9, |_, _| {
        (0.0, vec![])
    });
    assert_eq!(
        short.map(|_| ()).unwrap_err().to_string(),
        "visual embeddings: 319 numbers, expected 320"
    );
}
