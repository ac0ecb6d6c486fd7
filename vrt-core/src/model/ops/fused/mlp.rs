//! `y = x + down(silu(gate(n)) · up(n))`, `n = norm(x)`.
//!
//! Rows go through in blocks that stay in the second-level cache.

use dfdx::prelude::*;

use super::backward;
use super::tape::{add, numbers, take};
use crate::model::kernels::{self, add_bias, exp, matmul_nn, matmul_nt, matmul_tn};
use crate::model::ops::{Gated, RMS_EPS, Rows};

const BLOCK: usize = 128;

/// Elements computed side by side: two AVX registers.
const LANES: usize = 16;

struct Saved {
    x: Vec<f32>,
    normed: Vec<f32>,
    inverse: Vec<f32>,
    /// `[gate | up]` of each row.
    gate_up: Vec<f32>,
    norm: Vec<f32>,
    /// `[gate; up]`, one below the other.
    gate_up_weight: Vec<f32>,
    down_weight: Vec<f32>,
}

/// See [`crate::model::ops::Ops::gated_mlp`].
pub fn gated_mlp<const W: usize, const F: usize, T: Tape<f32, Cpu>>(
    x: Rows<W, Cpu, T>,
    weights: Gated<W, F, Cpu>,
) -> Rows<W, Cpu, T> {
    let rows = x.shape().0;
    let (x, mut tape) = x.split_tape();
    let mut gate_up_weight = numbers(weights.gate);
    gate_up_weight.extend(numbers(weights.up));
    let biases = weights.biases.map(|(gate, up, down)| {
        let mut gate_up = numbers(gate);
        gate_up.extend(numbers(up));
        (gate_up, numbers(down))
    });
    let mut saved = Saved {
        x: numbers(&x),
        normed: vec![0.0; rows * W],
        inverse: vec![0.0; rows],
        gate_up: vec![0.0; rows * 2 * F],
        norm: numbers(weights.norm),
        gate_up_weight,
        down_weight: numbers(weights.down),
    };
    let mut y = saved.x.clone();
    let mut hidden = vec![0.0; BLOCK.min(rows) * F];
    let blocks = y
        .chunks_mut(BLOCK * W)
        .zip(saved.x.chunks(BLOCK * W))
        .zip(saved.normed.chunks_mut(BLOCK * W))
        .zip(saved.gate_up.chunks_mut(BLOCK * 2 * F))
        .zip(saved.inverse.chunks_mut(BLOCK));
    for ((((y, x), normed), gate_up), inverse) in blocks {
        let count = inverse.len();
        let hidden = &mut hidden[..count * F];
        kernels::rmsnorm(normed, x, &saved.norm, RMS_EPS, Some(inverse));
        matmul_nt(
            gate_up,
            normed,
            &saved.gate_up_weight,
            [count, 2 * F, W],
            0.0,
        );
        if let Some((gate_up_bias, _)) = &biases {
            add_bias(gate_up, gate_up_bias);
        }
        kernels::swiglu(hidden, gate_up, F);
        matmul_nt(y, hidden, &saved.down_weight, [count, W, F], 1.0);
        if let Some((_, down_bias)) = &biases {
            add_bias(y, down_bias);
        }
    }
    let out = x.device().tensor_from_vec(y, (rows, Const::<W>));
    let (x_at, out_at) = (x.clone(), out.clone());
    let norm_at = weights.norm.clone();
    let (gate_at, up_at, down_at) = (
        weights.gate.clone(),
        weights.up.clone(),
        weights.down.clone(),
    );
    let biases_at = weights
        .biases
        .map(|(gate, up, down)| (gate.clone(), up.clone(), down.clone()));
    tape.add_backward_op(move |store| {
        let dy = take(store, &out_at)?;
        let mut dx = take(store, &x_at)?;
        let mut sums = Sums::new(W, F);
        sums.accumulate(&mut dx, &dy, saved, biases_at.is_some());
        **store.get_or_alloc_mut(&x_at)? = dx;
        add(store, &norm_at, &sums.norm)?;
        let (gate, up) = sums.gate_up.split_at(F * W);
        add(store, &gate_at, gate)?;
        add(store, &up_at, up)?;
        add(store, &down_at, &sums.down)?;
        if let Some((gate_at, up_at, down_at)) = &biases_at {
            let (gate, up) = sums.gate_up_bias.split_at(F);
            add(store, gate_at, gate)?;
            add(store, up_at, up)?;
            add(store, down_at, &sums.down_bias)?;
        }
        Ok(())
    });
    out.put_tape(tape)
}

/// Gradients of the weights.
struct Sums {
    width: usize,
    inner: usize,
    norm: Vec<f32>,
    gate_up: Vec<f32>,
    gate_up_bias: Vec<f32>,
    down: Vec<f32>,
    down_bias: Vec<f32>,
}

impl Sums {
    fn new(width: usize, inner: usize) -> Self {
        Self {
            width,
            inner,
            norm: vec![0.0; width],
            gate_up: vec![0.0; 2 * inner * width],
            gate_up_bias: vec![0.0; 2 * inner],
            down: vec![0.0; inner * width],
            down_bias: vec![0.0; width],
        }
    }

    fn accumulate(&mut self, dx: &mut [f32], dy: &[f32], mut saved: Saved, biased: bool) {
        let (w, f) = (self.width, self.inner);
        let mut hidden = vec![0.0; BLOCK * f];
        let mut dhidden = vec![0.0; BLOCK * f];
        let mut dnormed = vec![0.0; BLOCK * w];
        let blocks = dx
            .chunks_mut(BLOCK * w)
            .zip(dy.chunks(BLOCK * w))
            .zip(saved.x.chunks(BLOCK * w))
            .zip(saved.normed.chunks(BLOCK * w))
            .zip(saved.gate_up.chunks_mut(BLOCK * 2 * f))
            .zip(saved.inverse.chunks(BLOCK));
        for (((((dx, dy), x), normed), gate_up), inverse) in blocks {
            let count = inverse.len();
            let hidden = &mut hidden[..count * f];
            let dhidden = &mut dhidden[..count * f];
            let dnormed = &mut dnormed[..count * w];
            matmul_nn(dhidden, dy, &saved.down_weight, [count, f, w], 0.0);
            swiglu_backward(hidden, gate_up, dhidden, f);
            let dgate_up = gate_up;
            matmul_tn(&mut self.down, dy, hidden, [w, f, count], 1.0);
            matmul_tn(&mut self.gate_up, dgate_up, normed, [2 * f, w, count], 1.0);
            if biased {
                backward::bias(&mut self.down_bias, dy);
                backward::bias(&mut self.gate_up_bias, dgate_up);
            }
            matmul_nn(
                dnormed,
                dgate_up,
                &saved.gate_up_weight,
                [count, w, 2 * f],
                0.0,
            );
            kernels::add(dx, dy);
            backward::rms_norm(dx, &mut self.norm, dnormed, x, inverse, &saved.norm);
        }
    }
}

/// Turns `[gate | up]` into its gradient in place and recomputes `hidden = silu(gate) · up`.
pub fn swiglu_backward(hidden: &mut [f32], gate_up: &mut [f32], dhidden: &[f32], inner: usize) {
    let rows = hidden
        .chunks_exact_mut(inner)
        .zip(gate_up.chunks_exact_mut(2 * inner))
        .zip(dhidden.chunks_exact(inner));
    for ((hidden, gate_up), dhidden) in rows {
        let (gates, ups) = gate_up.split_at_mut(inner);
        let (hidden, hidden_tail) = hidden.as_chunks_mut::<LANES>();
        let (gates, gates_tail) = gates.as_chunks_mut::<LANES>();
        let (ups, ups_tail) = ups.as_chunks_mut::<LANES>();
        let (dhidden, dhidden_tail) = dhidden.as_chunks::<LANES>();
        for (((hidden, gates), ups), d) in hidden.iter_mut().zip(gates).zip(ups).zip(dhidden) {
            gradients_of_lanes(hidden, gates, ups, d);
        }
        let tail = hidden_tail.iter_mut().zip(gates_tail).zip(ups_tail);
        for (((hidden, gate), up), d) in tail.zip(dhidden_tail) {
            (*hidden, *gate, *up) = gradients(*gate, *up, *d);
        }
    }
}

/// Arrays in, arrays out: over slices the compiler keeps the branches of [`exp`] and computes one by one.
#[inline(always)]
fn gradients_of_lanes(
    hidden: &mut [f32; LANES],
    gates: &mut [f32; LANES],
    ups: &mut [f32; LANES],
    dhidden: &[f32; LANES],
) {
    let (gate, up) = (*gates, *ups);
    for i in 0..LANES {
        (hidden[i], gates[i], ups[i]) = gradients(gate[i], up[i], dhidden[i]);
    }
}

/// `silu(gate) · up`, and the derivatives by gate and up, times `d`.
#[inline(always)]
fn gradients(gate: f32, up: f32, d: f32) -> (f32, f32, f32) {
    let sigmoid = 1.0 / (1.0 + exp(-gate));
    let silu = gate * sigmoid;
    let dgate = d * up * (sigmoid + silu * (1.0 - sigmoid));
    (silu * up, dgate, d * silu)
}
