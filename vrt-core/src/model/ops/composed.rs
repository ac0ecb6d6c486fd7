//! The model's operations from those of the tensor library: the reference, on any device.
//!
//! Attention is written over all rows at once with a mask, so its cost is quadratic in the batch.

use dfdx::prelude::*;

use super::{Gated, Ops, RMS_EPS, Rows, Scored};
use crate::model::attention::{Rotary, TextAttention, TextContext};
use crate::model::vision::{Merger, PatchAttention, PatchContext};
use crate::sequence::Packed;

/// Operations of the tensor library; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Composed;

type Heads<Dev, T> = Tensor<(usize, usize, usize), f32, Dev, T>;

// Finite, so that a hidden score has a zero and not an undefined gradient.
const HIDDEN: f32 = -1e30;

fn linear<const I: usize, const O: usize, Dev: Device<f32>, T: Tape<f32, Dev>>(
    x: Rows<I, Dev, T>,
    weight: &Tensor<Rank2<O, I>, f32, Dev>,
    bias: Option<&Tensor<Rank1<O>, f32, Dev>>,
) -> Rows<O, Dev, T> {
    let y = x.matmul(weight.retaped::<T>().permute::<Rank2<I, O>, Axes2<1, 0>>());
    match bias {
        Some(bias) => {
            let shape = *y.shape();
            y + bias.retaped::<T>().broadcast_like(&shape)
        }
        None => y,
    }
}

fn rms_norm<const W: usize, Dev: Device<f32>, T: Tape<f32, Dev>>(
    x: Rows<W, Dev, T>,
    weight: &Tensor<Rank1<W>, f32, Dev>,
) -> Rows<W, Dev, T> {
    let shape = *x.shape();
    let (x, tape) = x.split_tape();
    let mean = x
        .clone()
        .put_tape(tape)
        .square()
        .mean::<(usize,), Axis<1>>();
    let inverse = (mean + RMS_EPS).sqrt().recip();
    inverse.broadcast_like::<_, Axis<1>>(&shape) * x * weight.retaped::<T>().broadcast_like(&shape)
}

/// `x/2 + |x|/2 · erf(|x|/√2)`, erf by Abramowitz and Stegun, 7.1.26.
///
/// The library's `accurate_gelu` has the right value but lacks a factor `1/√2` in its derivative.
fn gelu<S: Shape, Dev: Device<f32>, T: Tape<f32, Dev>>(
    x: Tensor<S, f32, Dev, T>,
) -> Tensor<S, f32, Dev, T> {
    let (x, tape) = x.split_tape();
    let (size, tape) = x.clone().put_tape(tape).abs().split_tape();
    let steps = size.clone().put_tape(tape) * (0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2);
    let (t, tape) = (steps + 1.0).recip().split_tape();
    let mut polynomial = t.clone().put_tape(tape) * 1.061_405_4;
    for c in [-1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        polynomial = (polynomial + c) * t.clone();
    }
    let gauss = (size.retaped::<T>().square() * -0.5).exp();
    let erf = (polynomial * gauss).negate() + 1.0;
    (erf * size + x) * 0.5
}

fn split_heads<const W: usize, Dev: Device<f32>, T: Tape<f32, Dev>>(
    x: Rows<W, Dev, T>,
    heads: usize,
) -> Heads<Dev, T> {
    let rows = x.shape().0;
    x.reshape_like(&(rows, heads, W / heads))
        .permute::<(usize, usize, usize), Axes3<1, 0, 2>>()
}

fn rotate<Dev: Device<f32>, T: Tape<f32, Dev>>(x: Heads<Dev, T>, rotary: &Rotary) -> Heads<Dev, T> {
    let dev = x.device().clone();
    let shape = *x.shape();
    let (_, rows, dim) = shape;
    let half = rotary.half;
    let table = |values: &[f32]| {
        let full = (0..rows)
            .flat_map(|row| {
                let part = &values[row * half..][..half];
                part.iter().chain(part).copied()
            })
            .collect();
        dev.tensor_from_vec::<(usize, usize)>(full, (rows, dim))
    };
    let mut turn = vec![0.0; dim * dim];
    for i in 0..half {
        turn[(i + half) * dim + i] = -1.0;
        turn[i * dim + i + half] = 1.0;
    }
    let turn = dev.tensor_from_vec::<(usize, usize)>(turn, (dim, dim));
    let cos = table(&rotary.cos).broadcast_like::<(usize, usize, usize), Axis<0>>(&shape);
    let sin = table(&rotary.sin).broadcast_like::<(usize, usize, usize), Axis<0>>(&shape);
    let (x, tape) = x.split_tape();
    x.clone().put_tape(tape) * cos + x.retaped::<T>().matmul(turn) * sin
}

/// The number of the segment of each row.
fn segments(starts: impl Iterator<Item = usize>, rows: usize) -> Vec<usize> {
    let mut numbers = vec![0; rows];
    for start in starts.filter(|&start| start < rows) {
        numbers[start] += 1;
    }
    for row in 1..rows {
        numbers[row] += numbers[row - 1];
    }
    numbers
}

fn attend<const W: usize, Dev: Device<f32>, T: Tape<f32, Dev>>(
    q: Heads<Dev, T>,
    k: Heads<Dev, T>,
    v: Heads<Dev, T>,
    sees: impl Fn(usize, usize) -> bool,
) -> Rows<W, Dev, T> {
    let (heads, rows, dim) = *q.shape();
    let groups = k.shape().0;
    let share = |x: Heads<Dev, T>| {
        x.broadcast_like::<(usize, usize, usize, usize), Axis<1>>(&(
            groups,
            heads / groups,
            rows,
            dim,
        ))
        .reshape_like(&(heads, rows, dim))
    };
    let mask = (0..rows * rows)
        .map(|at| {
            if sees(at / rows, at % rows) {
                0.0
            } else {
                HIDDEN
            }
        })
        .collect();
    let mask = q
        .device()
        .tensor_from_vec::<(usize, usize)>(mask, (rows, rows));
    let scores = q.matmul(share(k).permute::<(usize, usize, usize), Axes3<0, 2, 1>>())
        * (1.0 / (dim as f32).sqrt())
        + mask.broadcast_like::<(usize, usize, usize), Axis<0>>(&(heads, rows, rows));
    scores
        .softmax::<Axis<2>>()
        .matmul(share(v))
        .permute::<(usize, usize, usize), Axes3<1, 0, 2>>()
        .reshape_like(&(rows, Const::<W>))
}

impl<Dev: Device<f32>> Ops<Dev> for Composed {
    fn linear<const I: usize, const O: usize, T: Tape<f32, Dev>>(
        x: Rows<I, Dev, T>,
        weight: &Tensor<Rank2<O, I>, f32, Dev>,
    ) -> Rows<O, Dev, T> {
        linear(x, weight, None)
    }

    fn patch_attention<const W: usize, const QKV: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: &PatchAttention<W, QKV, Dev>,
        context: &PatchContext,
    ) -> Rows<W, Dev, T> {
        let (x, tape) = x.split_tape();
        let normed = rms_norm(x.clone().put_tape(tape), &weights.norm);
        let qkv = linear(normed, &weights.qkv, Some(&weights.qkv_bias));
        let (rows, heads) = (qkv.shape().0, context.heads);
        let parts = qkv
            .reshape_like(&(rows, 3usize, heads, W / heads))
            .permute::<(usize, usize, usize, usize), Axes4<1, 2, 0, 3>>();
        let (parts, tape) = parts.split_tape();
        let dev = parts.device().clone();
        let part = |index: usize| {
            parts
                .retaped::<T>()
                .select::<(usize, usize, usize), Rank0>(dev.tensor(index))
        };
        let q = parts
            .clone()
            .put_tape(tape)
            .select::<(usize, usize, usize), Rank0>(dev.tensor(0usize));
        let segment = segments(context.starts.iter().copied(), rows);
        let attended = attend(
            rotate(q, &context.rotary),
            rotate(part(1), &context.rotary),
            part(2),
            |query, key| segment[query] == segment[key],
        );
        linear(attended, &weights.proj, Some(&weights.proj_bias)) + x
    }

    fn gated_mlp<const W: usize, const F: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: Gated<W, F, Dev>,
    ) -> Rows<W, Dev, T> {
        let (x, tape) = x.split_tape();
        let normed = rms_norm(x.clone().put_tape(tape), weights.norm);
        let (gate_bias, up_bias, down_bias) = match weights.biases {
            Some((gate, up, down)) => (Some(gate), Some(up), Some(down)),
            None => (None, None, None),
        };
        let up = linear(normed.retaped::<T>(), weights.up, up_bias);
        let (gate, tape) = linear(normed, weights.gate, gate_bias).split_tape();
        let silu = gate.clone().put_tape(tape).sigmoid() * gate;
        linear(silu * up, weights.down, down_bias) + x
    }

    fn merge<const W: usize, const MERGED: usize, const D: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: &Merger<W, MERGED, D, Dev>,
    ) -> Rows<D, Dev, T> {
        let groups = x.shape().0 * W / MERGED;
        let joined = rms_norm(x, &weights.norm).reshape_like(&(groups, Const::<MERGED>));
        let hidden = linear(joined, &weights.hidden, Some(&weights.hidden_bias));
        let hidden = gelu(hidden);
        linear(hidden, &weights.out, Some(&weights.out_bias))
    }

    fn embed<const VOCAB: usize, const D: usize, T: Tape<f32, Dev>>(
        visual: Rows<D, Dev, T>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Dev>,
        batch: &Packed,
    ) -> Rows<D, Dev, T> {
        let dev = visual.device().clone();
        let shape = (batch.len(), Const::<D>);
        let mut shown = vec![0usize; batch.len()];
        let mut is_text = vec![1.0f32; batch.len()];
        let mut is_frame = vec![0.0f32; batch.len()];
        let mut ids: Vec<usize> = batch.tokens.iter().map(|&token| token as usize).collect();
        for (i, (&row, &index)) in batch
            .visual_rows
            .iter()
            .zip(&batch.visual_index)
            .enumerate()
        {
            shown[row as usize] = index as usize;
            is_frame[row as usize] = 1.0;
            match batch.visual_names.get(i) {
                Some(&name) => ids[row as usize] = name as usize,
                None => is_text[row as usize] = 0.0,
            }
        }
        let ids = dev.tensor_from_vec::<(usize,)>(ids, (batch.len(),));
        let text: Rows<D, Dev, T> = table.retaped::<T>().gather(ids);
        if visual.shape().0 == 0 {
            let (_, tape) = visual.split_tape();
            let (text, own) = text.split_tape();
            return text.put_tape(tape.merge(own));
        }
        let rows = (batch.len(),);
        let is_frame = dev.tensor_from_vec::<(usize,)>(is_frame, rows);
        let is_text = dev.tensor_from_vec::<(usize,)>(is_text, rows);
        let shown = dev.tensor_from_vec::<(usize,)>(shown, rows);
        let frames: Rows<D, Dev, T> = visual.gather(shown);
        frames * is_frame.broadcast_like::<_, Axis<1>>(&shape)
            + text * is_text.broadcast_like::<_, Axis<1>>(&shape)
    }

    fn text_attention<const D: usize, const Q: usize, const KV: usize, T: Tape<f32, Dev>>(
        x: Rows<D, Dev, T>,
        weights: &TextAttention<D, Q, KV, Dev>,
        context: &TextContext,
    ) -> Rows<D, Dev, T> {
        let (x, tape) = x.split_tape();
        let normed = rms_norm(x.clone().put_tape(tape), &weights.norm);
        let k = linear(normed.retaped::<T>(), &weights.k, Some(&weights.k_bias));
        let v = linear(normed.retaped::<T>(), &weights.v, Some(&weights.v_bias));
        let q = linear(normed, &weights.q, Some(&weights.q_bias));
        let starts = context.starts.iter().map(|&start| start as usize);
        let sequence = segments(starts, x.shape().0);
        let attended = attend(
            rotate(split_heads(q, context.heads), &context.rotary),
            rotate(split_heads(k, context.kv_heads), &context.rotary),
            split_heads(v, context.kv_heads),
            |query, key| sequence[query] == sequence[key] && context.sees(query, key),
        );
        linear(attended, &weights.o, None) + x
    }

    fn pick<const W: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        rows: &[u32],
    ) -> Rows<W, Dev, T> {
        let rows = index(x.device(), rows);
        x.gather(rows)
    }

    fn token_logps<const VOCAB: usize, const D: usize, T: Tape<f32, Dev>>(
        x: Rows<D, Dev, T>,
        norm: &Tensor<Rank1<D>, f32, Dev>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Dev>,
        tokens: &[u32],
        temperature: f32,
    ) -> Scored<Dev, T> {
        let tokens = index(x.device(), tokens);
        let logits = linear(rms_norm(x, norm), table, None) * (1.0 / temperature);
        let logps = logits.log_softmax::<Axis<1>>();
        let entropy = logps
            .as_vec()
            .chunks_exact(VOCAB)
            .map(|row| -row.iter().map(|logp| logp.exp() * logp).sum::<f32>())
            .collect();
        Scored {
            logps: logps.select(tokens),
            entropy,
        }
    }
}

/// Numbers as the device's own index.
fn index<Dev: Device<f32>>(dev: &Dev, list: &[u32]) -> Tensor<(usize,), usize, Dev> {
    let list: Vec<usize> = list.iter().map(|&value| value as usize).collect();
    let count = (list.len(),);
    dev.tensor_from_vec(list, count)
}
