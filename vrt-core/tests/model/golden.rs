//! Parity with transformers on a tiny random Qwen2.5-VL; see `tests/golden/qwen2_5_vl`.

use dfdx::prelude::*;
use safetensors::{Dtype, SafeTensors};
use vrt_core::model::decoder::TextConfig;
use vrt_core::model::dims::Golden;
use vrt_core::model::gradients::Frames;
use vrt_core::model::kernels::rmsnorm;
use vrt_core::model::ops::{Composed, Fused, Ops};
use vrt_core::model::qwen::Config;
use vrt_core::model::vision::{PatchPlan, VisionConfig};
use vrt_core::sequence::Packed;

/// What the golden checkpoint says of itself.
pub const CONFIG: Config = Config {
    text: TextConfig {
        rope_theta: 1e6,
        mrope_section: [2, 3, 3],
        tied: false,
    },
    vision: VisionConfig {
        patch: 14,
        grid: 4,
        merge: 2,
        window: 2,
        full_blocks: 0b1010,
    },
};

const VIDEOS: [[usize; 3]; 2] = [[1, 6, 8], [3, 4, 6]];
const IMAGE: [usize; 3] = [1, 6, 4];
const VIDEO_TOKEN: u32 = 501;
const IMAGE_TOKEN: u32 = 500;

static WEIGHTS: &[u8] = include_bytes!("../golden/qwen2_5_vl/model.safetensors");
static OUTPUTS: &[u8] = include_bytes!("../golden/qwen2_5_vl/golden.safetensors");

fn floats(bytes: &[u8], name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let data = tensor.data();
    match tensor.dtype() {
        Dtype::F32 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::BF16 => data
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
            .collect(),
        other => panic!("{name}: {other:?}"),
    }
}

fn integers(name: &str) -> Vec<u32> {
    let file = SafeTensors::deserialize(OUTPUTS).unwrap();
    let data = file.tensor(name).unwrap().data();
    let numbers = data.as_chunks().0.iter();
    numbers.map(|b| i64::from_le_bytes(*b) as u32).collect()
}

fn model() -> Golden {
    let mut model = Golden::with_config(&Cpu::default(), CONFIG, 0);
    let flat: Vec<f32> = model
        .layout()
        .iter()
        .flat_map(|spec| floats(WEIGHTS, &spec.name))
        .collect();
    model.load_flat(&flat).unwrap();
    model
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (at, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 5e-5, "{at}: {a} instead of {b}");
    }
}

fn video_pixels() -> Vec<f32> {
    [
        floats(OUTPUTS, "vidA.pixel_values"),
        floats(OUTPUTS, "vidB.pixel_values"),
    ]
    .concat()
}

fn visual_tokens<O: Ops<Cpu>>() {
    let (dev, model) = (Cpu::default(), model());
    let video = model
        .visual_of::<O, _>(&dev, &VIDEOS, &video_pixels(), NoneTape)
        .unwrap();
    assert_close(&video.as_vec(), &floats(OUTPUTS, "vit.video_out"));
    let pixels = floats(OUTPUTS, "img.pixel_values");
    let image = model
        .visual_of::<O, _>(&dev, &[IMAGE], &pixels, NoneTape)
        .unwrap();
    assert_close(&image.as_vec(), &floats(OUTPUTS, "vit.img_out"));
}

#[test]
fn visual_tokens_fused() {
    visual_tokens::<Fused>();
}

#[test]
fn visual_tokens_composed() {
    visual_tokens::<Composed>();
}

/// Largest difference allowed, relative to the layer's largest number.
const TOLERANCE: f32 = 1e-4;

fn assert_layer(name: &str, found: &[f32]) {
    let expected = floats(OUTPUTS, name);
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (at, (a, b)) in found.iter().zip(&expected).enumerate() {
        let off = (a - b).abs();
        assert!(off <= TOLERANCE * scale, "{name}, {at}: {a} instead of {b}");
    }
}

/// Numbers of merge groups, `width` a group, from the order in which the tower reads to the order given.
fn in_given_order(plan: &PatchPlan, read: &[f32], width: usize) -> Vec<f32> {
    let mut given = vec![0.0; read.len()];
    for (group, numbers) in plan.window_index().iter().zip(read.chunks_exact(width)) {
        given[group * width..][..width].copy_from_slice(numbers);
    }
    given
}

fn vision_layers<O: Ops<Cpu>>() {
    let (dev, model) = (Cpu::default(), model());
    let config = CONFIG.vision;
    let plan = PatchPlan::new(&config, &VIDEOS);
    let patches = dev.tensor_from_vec(video_pixels(), (plan.patches(), Const::<1176>));
    let mut seen = Vec::new();
    let tokens = model
        .visual
        .forward_seen::<O, _>(&config, &plan, patches, &mut |x| seen.push(x.as_vec()));
    // The reference embeds patches before it puts them into the order of its windows.
    let given = in_given_order(&plan, &seen[0], config.merge * config.merge * 32);
    assert_layer("vit.patch_embed", &given);
    assert_eq!(seen.len(), 5);
    for (block, found) in seen[1..].iter().enumerate() {
        assert_layer(&format!("vit.block{block}"), found);
    }
    // The merger's tokens before they return to the order in which they were given.
    let (tokens, width) = (tokens.as_vec(), model.width());
    let order = plan.window_index();
    let windowed = order
        .iter()
        .flat_map(|&group| tokens[group * width..][..width].iter().copied());
    assert_layer("vit.merger_windowed", &windowed.collect::<Vec<_>>());
}

#[test]
fn vision_layers_fused() {
    vision_layers::<Fused>();
}

#[test]
fn vision_layers_composed() {
    vision_layers::<Composed>();
}

fn decoder_layers<O: Ops<Cpu>>() {
    let (dev, model) = (Cpu::default(), model());
    let (mut batch, rows) = prompt(1);
    // Every row is a target, so that the last layer shows all of them; which token it is scored for does not matter.
    batch.target_rows = (0..batch.tokens.len() as u32).collect();
    batch.target_tokens = batch.tokens.clone();
    let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
    let mut seen = Vec::new();
    model
        .text
        .forward_seen::<O, _>(&CONFIG.text, &batch, visual, 1.0, &mut |x| {
            seen.push(x.as_vec());
        });
    assert_eq!(seen.len(), 4);
    // The reference lists its last hidden state after the last normalisation.
    let mut normed = vec![0.0; seen[3].len()];
    rmsnorm(
        &mut normed,
        &seen[3],
        &model.text.norm.norm.as_vec(),
        1e-6,
        None,
    );
    seen[3] = normed;
    for (layer, found) in seen.iter().enumerate() {
        assert_layer(&format!("p.hidden{layer}"), found);
    }
}

#[test]
fn decoder_layers_fused() {
    decoder_layers::<Fused>();
}

#[test]
fn decoder_layers_composed() {
    decoder_layers::<Composed>();
}

/// The prompt as a batch of one sequence; its targets are the tokens from `first` on.
fn prompt(first: usize) -> (Packed, Vec<f32>) {
    let tokens = integers("p.input_ids");
    let rows = tokens.len();
    let positions = integers("p.position_ids");
    let mut batch = Packed {
        positions: (0..rows)
            .map(|row| [0, 1, 2].map(|axis| positions[axis * rows + row]))
            .collect(),
        starts: vec![0, rows as u32],
        evidence: vec![0; rows],
        oldest: vec![1; rows],
        target_rows: (first as u32 - 1..rows as u32 - 1).collect(),
        target_tokens: tokens[first..].to_vec(),
        ..Packed::default()
    };
    let visual = [
        floats(OUTPUTS, "vit.video_out"),
        floats(OUTPUTS, "vit.img_out"),
    ]
    .concat();
    // Videos stand before the image in the prompt, as in the list of embeddings.
    for (row, &token) in tokens.iter().enumerate() {
        if token == VIDEO_TOKEN || token == IMAGE_TOKEN {
            batch.visual_index.push(batch.visual_rows.len() as u32);
            batch.visual_rows.push(row as u32);
        }
    }
    batch.tokens = tokens;
    (batch, visual)
}

fn token_logps<O: Ops<Cpu>>() {
    let (dev, model) = (Cpu::default(), model());
    let (batch, rows) = prompt(1);
    let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
    let scored = model.token_logps::<O, _>(&batch, visual, 1.0).unwrap();
    assert_close(&scored.logps.as_vec(), &floats(OUTPUTS, "p.token_logprobs"));
}

#[test]
fn token_logps_fused() {
    token_logps::<Fused>();
}

#[test]
fn token_logps_composed() {
    token_logps::<Composed>();
}

#[test]
fn gradient_through_decoder_and_tower() {
    // Mean negative log-probability of the last six tokens, and norms of its gradient.
    const LAST: usize = 6;
    const LOSS: f64 = 6.255_120_754_241_943;
    const NORMS: [(&str, f32); 4] = [
        ("visual.patch_embed.proj.weight", 3.549_065),
        ("visual.blocks.0.attn.qkv.weight", 0.446_847_9),
        ("model.layers.0.self_attn.q_proj.weight", 1.735_613_5),
        ("lm_head.weight", 3.230_435_4),
    ];
    let model = model();
    let rows = integers("p.input_ids").len();
    let (batch, _) = prompt(rows - LAST);
    let pixels = [video_pixels(), floats(OUTPUTS, "img.pixel_values")].concat();
    let shard = model
        .loss_gradients::<Fused>(
            &Cpu::default(),
            &batch,
            Frames::Videos {
                grids: &[VIDEOS[0], VIDEOS[1], IMAGE],
                patches: &pixels,
            },
            1.0,
            |logps, _| {
                let sum: f64 = logps.iter().map(|&logp| f64::from(logp)).sum();
                (-sum / LAST as f64, vec![-1.0 / LAST as f32; LAST])
            },
        )
        .unwrap();
    assert!((shard.loss - LOSS).abs() < 1e-5, "{}", shard.loss);
    let mut found = 0;
    for spec in model.layout() {
        let part = &shard.grads[spec.offset..][..spec.shape.iter().product()];
        let norm = part.iter().map(|g| g * g).sum::<f32>().sqrt();
        if let Some((name, expected)) = NORMS.iter().find(|(name, _)| *name == spec.name) {
            assert!((norm / expected - 1.0).abs() < 1e-4, "{name}: {norm}");
            found += 1;
        }
    }
    assert_eq!(found, NORMS.len());
}
