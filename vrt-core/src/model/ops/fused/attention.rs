//! `y = x + out(attention(rotate(q), rotate(k), v))`, `[q | k | v] = qkv(norm(x))`.
//!
//! One block serves patches and text; they differ in segments, sharing of key heads, and mask.

use dfdx::prelude::*;

use super::backward;
use super::scores::{Heads, Mask, Segments};
use super::tape::{Store, add, numbers, take, update};
use crate::model::attention::{Rotary, TextAttention, TextContext};
use crate::model::kernels::{self, add_bias, matmul_nn, matmul_nt, matmul_tn, rotate};
use crate::model::ops::{RMS_EPS, Rows};
use crate::model::vision::{PatchAttention, PatchContext};

/// See [`crate::model::ops::Ops::patch_attention`].
pub fn patches<const W: usize, const QKV: usize, T: Tape<f32, Cpu>>(
    x: Rows<W, Cpu, T>,
    weights: &PatchAttention<W, QKV, Cpu>,
    context: &PatchContext,
) -> Rows<W, Cpu, T> {
    let block = Block {
        segments: Segments {
            heads: Heads {
                query: context.heads,
                key: context.heads,
                dim: W / context.heads,
            },
            starts: context.starts.clone(),
            mask: Mask::Open,
        },
        rotary: context.rotary.clone(),
        norm: numbers(&weights.norm),
        qkv: numbers(&weights.qkv),
        qkv_bias: numbers(&weights.qkv_bias),
        out: numbers(&weights.proj),
        out_bias: Some(numbers(&weights.proj_bias)),
    };
    let norm_at = weights.norm.clone();
    let (qkv_at, qkv_bias_at) = (weights.qkv.clone(), weights.qkv_bias.clone());
    let (out_at, out_bias_at) = (weights.proj.clone(), weights.proj_bias.clone());
    block.run(x, move |store, sums| {
        add(store, &norm_at, &sums.norm)?;
        add(store, &qkv_at, &sums.qkv)?;
        add(store, &qkv_bias_at, &sums.qkv_bias)?;
        add(store, &out_at, &sums.out)?;
        add(store, &out_bias_at, &sums.out_bias)
    })
}

/// See [`crate::model::ops::Ops::text_attention`].
pub fn text<const D: usize, const Q: usize, const KV: usize, T: Tape<f32, Cpu>>(
    x: Rows<D, Cpu, T>,
    weights: &TextAttention<D, Q, KV, Cpu>,
    context: &TextContext,
) -> Rows<D, Cpu, T> {
    let mut qkv = numbers(&weights.q);
    qkv.extend(numbers(&weights.k));
    qkv.extend(numbers(&weights.v));
    let mut qkv_bias = numbers(&weights.q_bias);
    qkv_bias.extend(numbers(&weights.k_bias));
    qkv_bias.extend(numbers(&weights.v_bias));
    let block = Block {
        segments: Segments {
            heads: Heads {
                query: context.heads,
                key: context.kv_heads,
                dim: Q / context.heads,
            },
            starts: context.starts.iter().map(|&row| row as usize).collect(),
            mask: Mask::of(context),
        },
        rotary: context.rotary.clone(),
        norm: numbers(&weights.norm),
        qkv,
        qkv_bias,
        out: numbers(&weights.o),
        out_bias: None,
    };
    let norm_at = weights.norm.clone();
    let (q_at, k_at, v_at) = (weights.q.clone(), weights.k.clone(), weights.v.clone());
    let q_bias_at = weights.q_bias.clone();
    let (k_bias_at, v_bias_at) = (weights.k_bias.clone(), weights.v_bias.clone());
    let out_at = weights.o.clone();
    block.run(x, move |store, sums| {
        add(store, &norm_at, &sums.norm)?;
        let (q, kv) = sums.qkv.split_at(Q * D);
        add(store, &q_at, q)?;
        let (k, v) = kv.split_at(KV * D);
        add(store, &k_at, k)?;
        add(store, &v_at, v)?;
        let (q, kv) = sums.qkv_bias.split_at(Q);
        add(store, &q_bias_at, q)?;
        let (k, v) = kv.split_at(KV);
        add(store, &k_bias_at, k)?;
        add(store, &v_bias_at, v)?;
        add(store, &out_at, &sums.out)
    })
}

struct Block {
    segments: Segments,
    rotary: Rotary,
    norm: Vec<f32>,
    /// `[q; k; v]`, one below the other.
    qkv: Vec<f32>,
    qkv_bias: Vec<f32>,
    out: Vec<f32>,
    out_bias: Option<Vec<f32>>,
}

/// Gradients of the weights.
struct Sums {
    norm: Vec<f32>,
    qkv: Vec<f32>,
    qkv_bias: Vec<f32>,
    out: Vec<f32>,
    out_bias: Vec<f32>,
}

impl Block {
    fn run<const W: usize, T: Tape<f32, Cpu>>(
        self,
        x: Rows<W, Cpu, T>,
        keep: impl FnOnce(&mut Store, Sums) -> Result<(), CpuError> + 'static,
    ) -> Rows<W, Cpu, T> {
        let rows = x.shape().0;
        let heads = self.segments.heads;
        let (inner, width) = (heads.query * heads.dim, heads.width());
        let (x, mut tape) = x.split_tape();
        let input = numbers(&x);
        let mut inverse = vec![0.0; rows];
        let mut normed = vec![0.0; rows * W];
        kernels::rmsnorm(&mut normed, &input, &self.norm, RMS_EPS, Some(&mut inverse));
        let mut qkv = vec![0.0; rows * width];
        matmul_nt(&mut qkv, &normed, &self.qkv, [rows, width, W], 0.0);
        add_bias(&mut qkv, &self.qkv_bias);
        turn(heads, &self.rotary, &mut qkv, 1.0);
        let (attended, probs) = self.segments.forward(&qkv);
        let mut y = input.clone();
        matmul_nt(&mut y, &attended, &self.out, [rows, W, inner], 1.0);
        if let Some(bias) = &self.out_bias {
            add_bias(&mut y, bias);
        }

        let out = x.device().tensor_from_vec(y, (rows, Const::<W>));
        let (x_at, y_at) = (x.clone(), out.clone());
        tape.add_backward_op(move |store| {
            let dy = take(store, &y_at)?;
            let mut sums = Sums {
                norm: vec![0.0; W],
                qkv: vec![0.0; width * W],
                qkv_bias: vec![0.0; width],
                out: vec![0.0; W * inner],
                out_bias: vec![0.0; W],
            };
            if self.out_bias.is_some() {
                backward::bias(&mut sums.out_bias, &dy);
            }
            matmul_tn(&mut sums.out, &dy, &attended, [W, inner, rows], 0.0);
            let mut dattended = attended;
            matmul_nn(&mut dattended, &dy, &self.out, [rows, inner, W], 0.0);
            let mut dqkv = self.segments.backward(&qkv, probs, &dattended);
            turn(heads, &self.rotary, &mut dqkv, -1.0);
            backward::bias(&mut sums.qkv_bias, &dqkv);
            matmul_tn(&mut sums.qkv, &dqkv, &normed, [width, W, rows], 0.0);
            let mut dnormed = normed;
            matmul_nn(&mut dnormed, &dqkv, &self.qkv, [rows, W, width], 0.0);
            update(store, &x_at, |dx| {
                kernels::add(dx, &dy);
                backward::rms_norm(dx, &mut sums.norm, &dnormed, &input, &inverse, &self.norm);
            })?;
            keep(store, sums)
        });
        out.put_tape(tape)
    }
}

/// Turns queries and keys by their positions and scales queries by `1/√dim`; with `direction` −1
/// the transpose of that, which is its backward.
pub fn turn(heads: Heads, rotary: &Rotary, qkv: &mut [f32], direction: f32) {
    let half = rotary.half;
    let scale = 1.0 / (heads.dim as f32).sqrt();
    let mut turned_sin = vec![0.0; half];
    let tables = rotary
        .cos
        .chunks_exact(half)
        .zip(rotary.sin.chunks_exact(half));
    for (row, (cos, sin)) in qkv.chunks_exact_mut(heads.width()).zip(tables) {
        for (turned, sin) in turned_sin.iter_mut().zip(sin) {
            *turned = sin * direction;
        }
        let (queries, rest) = row.split_at_mut(heads.query * heads.dim);
        for value in queries.iter_mut() {
            *value *= scale;
        }
        let keys = &mut rest[..heads.key * heads.dim];
        for head in queries
            .chunks_exact_mut(heads.dim)
            .chain(keys.chunks_exact_mut(heads.dim))
        {
            rotate(head, cos, &turned_sin);
        }
    }
}
