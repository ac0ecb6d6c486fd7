//! In: rows. Out: rows after one adapted layer, and back: attention with its residual, then the gated MLP with its own.

use super::LoraConfig;
use super::frozen::{FrozenLayer, Sizes};
use crate::model::attention::TextContext;
use crate::model::kernels::{self, add_bias, matmul_nn, matmul_nt, matmul_tn};
use crate::model::ops::fused::attention::turn;
use crate::model::ops::fused::backward;
use crate::model::ops::fused::mlp::swiglu_backward;
use crate::model::ops::fused::scores::{Heads, Mask, Segments};
use crate::model::weights::DecoderConfig;

// Places in the order of `PROJECTIONS`.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;
const O: usize = 3;
const GATE: usize = 4;
const UP: usize = 5;
const DOWN: usize = 6;

/// `y = x·Wᵀ + scale·(x·Aᵀ)·Bᵀ`.
struct Projection<'a> {
    weight: &'a [f32],
    a: &'a [f32],
    b: &'a [f32],
    outputs: usize,
    inputs: usize,
    rank: usize,
    scale: f32,
}

impl Projection<'_> {
    /// Adds to `y` if `beta` is 1, replaces it if 0; returns `scale · x·Aᵀ`.
    fn forward(&self, y: &mut [f32], x: &[f32], beta: f32) -> Vec<f32> {
        let rows = x.len() / self.inputs;
        matmul_nt(y, x, self.weight, [rows, self.outputs, self.inputs], beta);
        let mut low = vec![0.0; rows * self.rank];
        matmul_nt(&mut low, x, self.a, [rows, self.rank, self.inputs], 0.0);
        low.iter_mut().for_each(|value| *value *= self.scale);
        matmul_nt(y, &low, self.b, [rows, self.outputs, self.rank], 1.0);
        low
    }

    /// Adds the input's gradient to `dx` and writes those of `A` and `B` to `[da | db]`.
    fn backward(&self, dx: &mut [f32], dy: &[f32], x: &[f32], low: &[f32], own: &mut [f32]) {
        let rows = x.len() / self.inputs;
        let (da, db) = own.split_at_mut(self.a.len());
        matmul_tn(db, dy, low, [self.outputs, self.rank, rows], 0.0);
        let mut dlow = vec![0.0; low.len()];
        matmul_nn(&mut dlow, dy, self.b, [rows, self.rank, self.outputs], 0.0);
        dlow.iter_mut().for_each(|value| *value *= self.scale);
        matmul_tn(da, &dlow, x, [self.rank, self.inputs, rows], 0.0);
        matmul_nn(dx, &dlow, self.a, [rows, self.inputs, self.rank], 1.0);
        matmul_nn(dx, dy, self.weight, [rows, self.inputs, self.outputs], 1.0);
    }
}

/// One layer with its adapters.
pub(super) struct Layer<'a> {
    config: &'a DecoderConfig,
    frozen: &'a FrozenLayer,
    projections: [Projection<'a>; 7],
}

/// What the backward of a layer needs, and the layer's output.
pub(super) struct Saved {
    pub y: Vec<f32>,
    inverse: [Vec<f32>; 2],
    normed: [Vec<f32>; 2],
    low: [Vec<f32>; 7],
    qkv: Vec<f32>,
    attended: Vec<f32>,
    probs: Vec<f32>,
    middle: Vec<f32>,
    gate_up: Vec<f32>,
    hidden: Vec<f32>,
}

impl<'a> Layer<'a> {
    pub fn new(
        config: &'a DecoderConfig,
        frozen: &'a FrozenLayer,
        sizes: Sizes,
        mut adapters: &'a [f32],
        lora: LoraConfig,
    ) -> Self {
        let mut shapes = sizes.projections();
        let projections = std::array::from_fn(|i| {
            let [outputs, inputs] = shapes.next().unwrap_or_default();
            let (a, rest) = adapters.split_at(lora.rank * inputs);
            let (b, rest) = rest.split_at(outputs * lora.rank);
            adapters = rest;
            Projection {
                weight: &frozen.weights[i],
                a,
                b,
                outputs,
                inputs,
                rank: lora.rank,
                scale: lora.scale(),
            }
        });
        Self {
            config,
            frozen,
            projections,
        }
    }

    fn segments(&self, context: &TextContext) -> Segments {
        Segments {
            heads: Heads {
                query: self.config.heads,
                key: self.config.kv_heads,
                dim: self.config.head_dim,
            },
            starts: context.starts.iter().map(|&row| row as usize).collect(),
            mask: Mask::of(context),
        }
    }

    pub fn forward(&self, context: &TextContext, x: &[f32]) -> Saved {
        let c = self.config;
        let rows = x.len() / c.dim;
        let mut low: [Vec<f32>; 7] = Default::default();
        let mut inverse = [vec![0.0; rows], vec![0.0; rows]];
        let mut normed = [vec![0.0; x.len()], vec![0.0; x.len()]];
        let gain = &self.frozen.input_norm;
        kernels::rmsnorm(&mut normed[0], x, gain, c.eps, Some(&mut inverse[0]));
        let parts = [Q, K, V].map(|i| {
            let mut part = vec![0.0; rows * self.projections[i].outputs];
            low[i] = self.projections[i].forward(&mut part, &normed[0], 0.0);
            add_bias(&mut part, &self.frozen.biases[i]);
            part
        });
        let segments = self.segments(context);
        let mut qkv = join(&parts, rows);
        turn(segments.heads, &context.rotary, &mut qkv, 1.0);
        let (attended, probs) = segments.forward(&qkv);
        let mut middle = x.to_vec();
        low[O] = self.projections[O].forward(&mut middle, &attended, 1.0);
        let gain = &self.frozen.post_norm;
        kernels::rmsnorm(&mut normed[1], &middle, gain, c.eps, Some(&mut inverse[1]));
        let parts = [GATE, UP].map(|i| {
            let mut part = vec![0.0; rows * c.mlp];
            low[i] = self.projections[i].forward(&mut part, &normed[1], 0.0);
            part
        });
        let gate_up = join(&parts, rows);
        let mut hidden = vec![0.0; rows * c.mlp];
        kernels::swiglu(&mut hidden, &gate_up, c.mlp);
        let mut y = middle.clone();
        low[DOWN] = self.projections[DOWN].forward(&mut y, &hidden, 1.0);
        Saved {
            y,
            inverse,
            normed,
            low,
            qkv,
            attended,
            probs,
            middle,
            gate_up,
            hidden,
        }
    }

    /// Gradient of the layer's input; those of the adapters go to `own`, laid out as they are.
    pub fn backward(
        &self,
        context: &TextContext,
        x: &[f32],
        mut saved: Saved,
        dy: Vec<f32>,
        own: &mut [f32],
    ) -> Vec<f32> {
        let c = self.config;
        let rows = x.len() / c.dim;
        let places = self.own(own);
        let mut no_gain = vec![0.0; c.dim];

        let mut dhidden = vec![0.0; saved.hidden.len()];
        let low = &saved.low;
        self.projections[DOWN].backward(&mut dhidden, &dy, &saved.hidden, &low[DOWN], places[DOWN]);
        swiglu_backward(&mut saved.hidden, &mut saved.gate_up, &dhidden, c.mlp);
        let mut dnormed = vec![0.0; x.len()];
        let parts = split(&saved.gate_up, [c.mlp, c.mlp]);
        for (i, d) in [GATE, UP].into_iter().zip(&parts) {
            self.projections[i].backward(&mut dnormed, d, &saved.normed[1], &low[i], places[i]);
        }
        let mut dmiddle = dy;
        backward::rms_norm(
            &mut dmiddle,
            &mut no_gain,
            &dnormed,
            &saved.middle,
            &saved.inverse[1],
            &self.frozen.post_norm,
        );

        let mut dattended = vec![0.0; rows * c.q_dim()];
        self.projections[O].backward(
            &mut dattended,
            &dmiddle,
            &saved.attended,
            &low[O],
            places[O],
        );
        let segments = self.segments(context);
        let mut dqkv = segments.backward(&saved.qkv, saved.probs, &dattended);
        turn(segments.heads, &context.rotary, &mut dqkv, -1.0);
        dnormed.fill(0.0);
        let parts = split(&dqkv, [c.q_dim(), c.kv_dim(), c.kv_dim()]);
        for (i, d) in [Q, K, V].into_iter().zip(&parts) {
            self.projections[i].backward(&mut dnormed, d, &saved.normed[0], &low[i], places[i]);
        }
        let mut dx = dmiddle;
        backward::rms_norm(
            &mut dx,
            &mut no_gain,
            &dnormed,
            x,
            &saved.inverse[0],
            &self.frozen.input_norm,
        );
        dx
    }

    /// `own` cut into `[A | B]` of each projection.
    fn own<'b>(&self, mut own: &'b mut [f32]) -> [&'b mut [f32]; 7] {
        std::array::from_fn(|i| {
            let count = self.projections[i].a.len() + self.projections[i].b.len();
            let (head, rest) = std::mem::take(&mut own).split_at_mut(count);
            own = rest;
            head
        })
    }
}

/// Rows side by side.
fn join(parts: &[Vec<f32>], rows: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for row in 0..rows {
        for part in parts {
            let width = part.len() / rows;
            joined.extend_from_slice(&part[row * width..][..width]);
        }
    }
    joined
}

/// The reverse of [`join`], given the widths.
fn split<const N: usize>(joined: &[f32], widths: [usize; N]) -> [Vec<f32>; N] {
    let mut parts = widths.map(|_| Vec::new());
    for mut row in joined.chunks_exact(widths.iter().sum()) {
        for (part, width) in parts.iter_mut().zip(widths) {
            let (head, rest) = row.split_at(width);
            part.extend_from_slice(head);
            row = rest;
        }
    }
    parts
}
