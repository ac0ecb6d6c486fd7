//! The flat list of parameters, initial weights, and what the model refuses.

use dfdx::prelude::*;
use vrt_core::model::ParamSpec;
use vrt_core::model::dims::{D128L4, D256L6, Qwen3B, Qwen7B, Tiny};
use vrt_core::model::error::ModelError;
use vrt_core::model::gradients::Frames;
use vrt_core::model::ops::Fused;
use vrt_core::pair::Frame;
use vrt_core::sequence::Packed;

use crate::support::{FRAMES, batch, loss_of, patches};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let dev = Cpu::default();
    let bits = |seed| -> Vec<u32> {
        let flat = Tiny::new(&dev, seed).to_flat();
        flat.iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits(3), bits(3));
    assert_ne!(bits(3), bits(4));
}

#[test]
fn norms_start_at_one_and_biases_at_zero() {
    let model = Tiny::new(&Cpu::default(), 1);
    let flat = model.to_flat();
    for spec in model.layout() {
        let values = &flat[spec.offset..][..spec.shape.iter().product()];
        if spec.name.ends_with(".bias") {
            assert!(values.iter().all(|&value| value == 0.0), "{}", spec.name);
        } else if spec.shape.len() == 1 {
            assert!(values.iter().all(|&value| value == 1.0), "{}", spec.name);
        } else {
            let mean_square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
            let fan_in = mean_square * spec.shape[1] as f32;
            assert!((0.1..1.2).contains(&fan_in), "{}: {fan_in}", spec.name);
        }
    }
}

#[test]
fn the_list_is_complete_and_survives_a_round_trip() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 1);
    let flat = model.to_flat();
    assert_eq!(flat.len(), Tiny::PARAMETERS);
    assert!((200_000..1_000_000).contains(&Tiny::PARAMETERS));
    let mut end = 0;
    for spec in model.layout() {
        assert_eq!(spec.offset, end, "{}", spec.name);
        end += spec.shape.iter().product::<usize>();
    }
    assert_eq!(end, flat.len());
    let mut other = Tiny::new(&dev, 2);
    other.load_flat(&flat).unwrap();
    assert_eq!(other.to_flat(), flat);
    assert!(matches!(
        other.load_flat(&flat[1..]),
        Err(ModelError::FlatLength { .. })
    ));
    assert_eq!(other.to_flat(), flat);
}

#[test]
fn names_are_those_of_published_checkpoints() {
    let names: Vec<String> = Tiny::new(&Cpu::default(), 1)
        .layout()
        .into_iter()
        .map(|spec| spec.name)
        .collect();
    for name in [
        "visual.patch_embed.proj.weight",
        "visual.blocks.1.norm1.weight",
        "visual.blocks.1.attn.qkv.bias",
        "visual.blocks.0.mlp.up_proj.bias",
        "visual.merger.ln_q.weight",
        "visual.merger.mlp.0.weight",
        "visual.merger.mlp.2.bias",
        "model.embed_tokens.weight",
        "model.layers.2.input_layernorm.weight",
        "model.layers.2.self_attn.q_proj.bias",
        "model.layers.2.self_attn.o_proj.weight",
        "model.layers.2.post_attention_layernorm.weight",
        "model.layers.2.mlp.down_proj.weight",
        "model.norm.weight",
    ] {
        assert!(names.iter().any(|own| own == name), "{name}");
    }
    assert!(!names.iter().any(|name| name == "lm_head.weight"));
}

#[test]
fn what_a_type_declares_is_what_its_model_holds() {
    let model = Tiny::new(&Cpu::default(), 1);
    assert_eq!(Tiny::declared(&Tiny::CONFIG), model.layout());
    let mut untied = Tiny::CONFIG;
    untied.text.tied = false;
    let model = Tiny::with_config(&Cpu::default(), untied, 1);
    let declared = Tiny::declared(&untied);
    assert_eq!(declared, model.layout());
    assert_eq!(declared.last().unwrap().name, "lm_head.weight");
}

#[test]
fn published_sizes_have_the_published_number_of_parameters() {
    let config = |tied| {
        let mut config = Tiny::CONFIG;
        config.text.tied = tied;
        config
    };
    let count = |layout: Vec<ParamSpec>| -> usize {
        let numbers = layout
            .iter()
            .map(|spec| spec.shape.iter().product::<usize>());
        numbers.sum()
    };
    // Half of `metadata.total_size` in the published index files: two bytes a number.
    assert_eq!(count(Qwen3B::declared(&config(true))), 3_754_622_976);
    assert_eq!(count(Qwen7B::declared(&config(false))), 8_292_166_656);
}

#[test]
fn threads_share_a_model_and_change_nothing() {
    let model = Tiny::new(&Cpu::default(), 6);
    let (batch, frames) = (batch(6, &[18, 25], 1), patches(6, FRAMES));
    let run = || {
        model
            .loss_gradients::<Fused>(
                &Cpu::default(),
                &batch,
                Frames::Patches(&frames),
                1.0,
                |logps, _| loss_of(logps),
            )
            .unwrap()
    };
    let alone = run();
    let together = std::thread::scope(|scope| {
        let handles = [scope.spawn(run), scope.spawn(run)];
        handles.map(|handle| handle.join().unwrap())
    });
    assert_eq!(together, [alone.clone(), alone]);
}

#[test]
fn a_frozen_tower_has_no_gradient_and_the_decoder_the_same() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 6);
    let (batch, frames) = (batch(6, &[18, 25], 1), patches(6, FRAMES));
    let rows = model.visual_rows::<Fused>(&dev, &frames).unwrap();
    let run = |frames: Frames<'_>| {
        model
            .loss_gradients::<Fused>(&dev, &batch, frames, 1.0, |logps, _| loss_of(logps))
            .unwrap()
    };
    let (trained, frozen) = (run(Frames::Patches(&frames)), run(Frames::Rows(&rows)));
    assert_eq!(trained.loss, frozen.loss);
    for spec in model.layout() {
        let range = spec.offset..spec.offset + spec.shape.iter().product::<usize>();
        if spec.name.starts_with("visual.") {
            assert!(frozen.grads[range.clone()].iter().all(|&g| g == 0.0));
            assert!(trained.grads[range].iter().any(|&g| g != 0.0));
        } else {
            assert_eq!(trained.grads[range.clone()], frozen.grads[range]);
        }
    }
}

#[test]
fn a_tower_learns_under_a_head_of_the_callers() {
    let dev = Cpu::default();
    let mut model = Tiny::new(&dev, 2);
    let frames = patches(2, 4);
    // The mean of each visual token shall be its number.
    let loss = |rows: &[f32]| {
        let mut derivative = vec![0.0; rows.len()];
        let mut total = 0.0;
        for (number, (row, d)) in rows.chunks(64).zip(derivative.chunks_mut(64)).enumerate() {
            let error = row.iter().sum::<f32>() / 64.0 - number as f32;
            total += f64::from(error * error);
            d.fill(2.0 * error / 64.0);
        }
        (total, derivative)
    };
    let mut losses = Vec::new();
    for _ in 0..50 {
        let shard = model
            .visual_gradients::<Fused>(&dev, &frames, loss)
            .unwrap();
        let moved: Vec<f32> = model
            .to_flat()
            .iter()
            .zip(&shard.grads)
            .map(|(value, gradient)| value - 0.01 * gradient)
            .collect();
        model.load_flat(&moved).unwrap();
        losses.push(shard.loss);
    }
    assert!(losses[49] < 0.1 * losses[0], "{losses:?}");
}

#[test]
fn larger_models_have_the_sizes_they_are_named_for() {
    let dev = Cpu::default();
    let sizes = D128L4::new(&dev, 1).decoder_config();
    assert_eq!((sizes.dim, sizes.layers), (128, 4));
    let model = D256L6::new(&dev, 1);
    let sizes = model.decoder_config();
    assert_eq!((sizes.dim, sizes.layers), (256, 6));
    assert!(model.decoder_weights().is_ok());
}

fn refusal(change: impl FnOnce(&mut Packed), temperature: f32) -> ModelError {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 1);
    let mut batch = batch(1, &[12, 10], 1);
    change(&mut batch);
    let rows = vec![0.0; FRAMES * 64];
    let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
    match model.token_logps::<Fused, _>(&batch, visual, temperature) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let message = |error: ModelError| error.to_string();
    let beyond = refusal(|batch| batch.tokens[3] = 384, 1.0);
    assert!(message(beyond).starts_with("row 3: token 384 is beyond"));
    let frame = refusal(|batch| batch.visual_index[1] = 9, 1.0);
    assert!(message(frame).starts_with("row 2: visual embedding 9 of 5"));
    let first = refusal(|batch| batch.evidence[12] = 1, 1.0);
    assert!(matches!(first, ModelError::FirstRow { sequence: 1 }));
    let start = refusal(|batch| batch.starts[2] = 90, 1.0);
    assert!(matches!(start, ModelError::Packed { .. }));
    let target = refusal(|batch| batch.target_rows[0] = 90, 1.0);
    assert!(matches!(target, ModelError::Packed { .. }));
    assert!(matches!(refusal(|_| (), 0.0), ModelError::Temperature(0.0)));
}

#[test]
fn patches_follow_the_frame() {
    let model = Tiny::new(&Cpu::default(), 1);
    let rgb: Vec<f32> = (0..16 * 16 * 3).map(|i| i as f32).collect();
    let frame = |width| Frame {
        width,
        height: 16,
        rgb: rgb.clone().into(),
    };
    let patches = model.patchify(&frame(16)).unwrap();
    // Patch 6 is row 1, column 2; inside it green, second line, fourth pixel.
    let (y, x) = (4 + 1, 8 + 3);
    let expected = (rgb[(y * 16 + x) * 3 + 1] - 0.42) * 2.5;
    assert_eq!(patches[6 * 48 + 16 + 4 + 3], expected);
    assert!(matches!(
        model.patchify(&frame(20)),
        Err(ModelError::FrameSize { width: 20, .. })
    ));
}
