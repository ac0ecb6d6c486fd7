//! Generation from the whole prompt of text, videos and an image: the reference implementation's tokens.

use dfdx::prelude::{Cpu, NoneTape};
use vrt_checkpoint::generate::greedy;
use vrt_checkpoint::{Checkpoint, Prompt};
use vrt_core::model::decode::Engine;
use vrt_core::model::dims::Golden;
use vrt_core::model::kernels::log_softmax;
use vrt_core::model::ops::{Composed, Fused};

use crate::golden;
use crate::positions::{config, media};

const END: u32 = 505;

/// The visual embeddings of the golden prompt, from its pixels.
fn visual(model: &Golden) -> Vec<f32> {
    let dev = Cpu::default();
    let mut all = Vec::new();
    for name in ["vidA", "vidB", "img"] {
        let grid = golden::grid(&format!("{name}.grid_thw"));
        let pixels = golden::floats(&format!("{name}.pixel_values"));
        let tokens = model
            .visual_of::<Fused, _>(&dev, &[grid], &pixels, NoneTape)
            .unwrap();
        all.extend(tokens.as_vec());
    }
    all
}

fn close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (at, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= 1e-4 * scale, "{what} {at}: {a} {b}");
    }
}

#[test]
fn sixteen_tokens_are_theirs() {
    let checkpoint = Checkpoint::open(&golden::folder()).unwrap();
    let model: Golden = checkpoint.load(&Cpu::default()).unwrap();
    let prompt = Prompt::new(&config(), golden::ids("p.input_ids"), &media()).unwrap();
    let visual = visual(&model);
    let rows = prompt.rows(&visual, 64).unwrap();
    // The decoder's weights alone, without the model in between.
    let mut engine = Engine::new(checkpoint.decoder_weights().unwrap().into());
    let tokens = greedy(&mut engine, &rows, prompt.next_position, 16, &[END], &[END]).unwrap();
    assert_eq!(tokens, golden::ids("gen.tokens"));
}

#[test]
fn a_barred_or_ending_token_does_what_it_says() {
    let checkpoint = Checkpoint::open(&golden::folder()).unwrap();
    let model: Golden = checkpoint.load(&Cpu::default()).unwrap();
    let prompt = Prompt::new(&config(), golden::ids("p.input_ids"), &media()).unwrap();
    let visual = visual(&model);
    let rows = prompt.rows(&visual, 64).unwrap();
    let mut engine = Engine::new(checkpoint.decoder_weights().unwrap().into());
    let theirs = golden::ids("gen.tokens");
    let mut run = |count, ends: &[u32], barred: &[u32]| {
        greedy(
            &mut engine,
            &rows,
            prompt.next_position,
            count,
            ends,
            barred,
        )
        .unwrap()
    };
    assert_eq!(run(16, &[theirs[1]], &[END]), theirs[..2]);
    assert_ne!(run(1, &[], &[END, theirs[0]])[0], theirs[0]);
}

/// Logits after each row: from the decoding engine, and as log-probabilities of every token from both training
/// forwards.
#[test]
fn logits_are_theirs_on_every_path() {
    let checkpoint = Checkpoint::open(&golden::folder()).unwrap();
    let dev = Cpu::default();
    let model: Golden = checkpoint.load(&dev).unwrap();
    let prompt = Prompt::new(&config(), golden::ids("p.input_ids"), &media()).unwrap();
    let visual = visual(&model);
    let rows = prompt.rows(&visual, 64).unwrap();
    let theirs = golden::floats("p.logits");
    let vocabulary = theirs.len() / rows.len();

    let mut engine = Engine::new(checkpoint.decoder_weights().unwrap().into());
    let (mut cache, mut logits) = (engine.cache(), Vec::new());
    for (row, new) in rows.iter().enumerate() {
        engine
            .forward(&mut [(&mut cache, std::slice::from_ref(new))], &mut logits)
            .unwrap();
        close(
            &format!("row {row}"),
            &logits,
            &theirs[row * vocabulary..][..vocabulary],
        );
    }
    let scores = golden::floats("gen.scores");
    close(
        "first score",
        &logits[..END as usize],
        &scores[..END as usize],
    );

    let mut batch = prompt.packed();
    for row in 0..rows.len() as u32 {
        batch.target_rows.extend(vec![row; vocabulary]);
        batch.target_tokens.extend(0..vocabulary as u32);
    }
    let given = |embeddings: &[f32]| model.given_rows(&dev, embeddings, NoneTape).unwrap();
    let fused = model
        .token_logps::<Fused, _>(&batch, given(&visual), 1.0)
        .unwrap();
    let composed = model
        .token_logps::<Composed, _>(&batch, given(&visual), 1.0)
        .unwrap();
    let mut expected = theirs;
    for row in expected.chunks_exact_mut(vocabulary) {
        log_softmax(row);
    }
    close("fused", &fused.logps.as_vec(), &expected);
    close("composed", &composed.logps.as_vec(), &expected);
}
