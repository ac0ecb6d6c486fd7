//! Every hand-written operation: its backward against finite differences of its forward.

use dfdx::prelude::*;
use rand::RngExt;
use vrt_core::model::attention::{Rotary, TextAttention, TextContext};
use vrt_core::model::decoder::{Embedding, FinalNorm, TextMlp};
use vrt_core::model::ops::{Fused, Gated, Ops, Rows};
use vrt_core::model::params::{self, Zeros};
use vrt_core::model::vision::{Merger, PatchAttention, PatchContext, PatchEmbed, PatchMlp};
use vrt_core::rng::{Purpose, stream};
use vrt_core::sequence::Packed;

type Taped = OwnedTape<f32, Cpu>;

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = stream(seed, Purpose::Bootstrap, 0, 0, 0);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn unit(mut direction: Vec<f32>) -> Vec<f32> {
    let length = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
    direction.iter_mut().for_each(|v| *v /= length.max(1e-12));
    direction
}

/// Compares derivatives of `Σ c · forward(x, weights)` along the gradient and along a random direction,
/// for the input and for each tensor of the weights.
fn check<P: Zeros<Cpu>, const W: usize, S: Shape>(
    rows: usize,
    forward: impl Fn(Rows<W, Cpu, Taped>, &P) -> Tensor<S, f32, Cpu, Taped>,
) {
    let dev = Cpu::default();
    let mut weights = P::zeros(&dev);
    params::initialise(&mut weights, 1);
    let mut flat = params::to_flat(&weights);
    // Biases and gains away from 0 and 1.
    for (value, noise) in flat.iter_mut().zip(random(2, params::len(&weights))) {
        *value += 0.3 * noise;
    }
    let input = random(3, rows * W);
    let mut value = |flat: &[f32], input: &[f32]| {
        params::load_flat(&mut weights, flat).unwrap();
        let x = dev.tensor_from_vec(input.to_vec(), (rows, Const::<W>));
        let y = forward(x.leaky_trace(), &weights);
        let c = random(4, y.shape().num_elements());
        let sum: f64 = y
            .as_vec()
            .iter()
            .zip(&c)
            .map(|(y, c)| f64::from(*y) * f64::from(*c))
            .sum();
        let c = dev.tensor_from_vec(c, *y.shape());
        let mut gradients = (y * c).sum::<Rank0, _>().backward();
        let on_weights = params::gradients_flat(&weights, &mut gradients);
        (sum, on_weights, gradients.get(&x).as_vec())
    };
    let (_, on_weights, on_input) = value(&flat, &input);
    let mut layout = params::layout(&P::zeros(&dev));
    layout.push(params::ParamSpec {
        name: "input".to_owned(),
        shape: vec![rows, W],
        offset: flat.len(),
    });
    let gradient = [on_weights, on_input].concat();
    for spec in layout {
        let range = spec.offset..spec.offset + spec.shape.iter().product::<usize>();
        let part = &gradient[range.clone()];
        let size = part.iter().map(|v| v * v).sum::<f32>().sqrt();
        for direction in [unit(part.to_vec()), unit(random(5, part.len()))] {
            const STEP: f32 = 1e-2;
            let mut moved = |step: f32| {
                let mut at = [flat.clone(), input.clone()].concat();
                for (value, d) in at[range.clone()].iter_mut().zip(&direction) {
                    *value += step * d;
                }
                let (flat, input) = at.split_at(flat.len());
                value(flat, input).0
            };
            let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * f64::from(STEP));
            let analytic: f32 = part.iter().zip(&direction).map(|(g, d)| g * d).sum();
            assert!(
                (numeric - f64::from(analytic)).abs() < 2e-3 * f64::from(size) + 1e-3,
                "{}: {numeric} by differences, {analytic} by the tape, |gradient| {size}",
                spec.name
            );
        }
    }
}

fn context(batch: &Packed) -> TextContext {
    TextContext::new(batch, [4, 2], [1, 2, 1], 100.0)
}

#[test]
fn linear() {
    check::<PatchEmbed<6, 5>, 5, _>(7, |x, w| Fused::linear(x, &w.proj));
}

#[test]
fn patch_attention() {
    let places: Vec<[u32; 2]> = (0..32).map(|at| [at / 8, at % 8]).collect();
    for starts in [vec![0, 16, 32], vec![0, 5, 6, 32]] {
        let context = PatchContext {
            heads: 2,
            starts,
            rotary: Rotary::planar(&places, 4),
        };
        check::<PatchAttention<8, 24>, 8, _>(32, |x, w| Fused::patch_attention(x, w, &context));
    }
}

#[test]
fn text_attention() {
    for width in [0, 1, 2] {
        let context = context(&crate::support::batch(1, &[11, 19, 1], width));
        check::<TextAttention<12, 32, 16>, 12, _>(31, |x, w| Fused::text_attention(x, w, &context));
    }
}

#[test]
fn gated_mlp_with_and_without_biases() {
    // More rows than one block of the implementation.
    check::<TextMlp<6, 10>, 6, _>(140, |x, w| {
        Fused::gated_mlp(
            x,
            Gated {
                norm: &w.norm,
                gate: &w.gate,
                up: &w.up,
                down: &w.down,
                biases: None,
            },
        )
    });
    check::<PatchMlp<6, 10>, 6, _>(9, |x, w| {
        Fused::gated_mlp(
            x,
            Gated {
                norm: &w.norm,
                gate: &w.gate,
                up: &w.up,
                down: &w.down,
                biases: Some((&w.gate_bias, &w.up_bias, &w.down_bias)),
            },
        )
    });
}

#[test]
fn merge() {
    check::<Merger<5, 20, 6>, 5, _>(12, Fused::merge);
}

#[test]
fn embed() {
    let batch = crate::support::batch(2, &[10, 14], 1);
    check::<Embedding<384, 6>, 6, _>(crate::support::FRAMES, |x, w| {
        Fused::embed(x, &w.table, &batch)
    });
}

#[test]
fn token_logps() {
    let batch = crate::support::dense_batch(3, &[100, 90], 80, 1);
    for temperature in [1.0, 0.6] {
        check::<(FinalNorm<6>, Embedding<384, 6>), 6, _>(190, |x, (norm, head)| {
            Fused::token_logps(
                Fused::pick(x, &batch.target_rows),
                &norm.norm,
                &head.table,
                &batch.target_tokens,
                temperature,
            )
            .logps
        });
    }
}
