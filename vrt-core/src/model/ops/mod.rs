//! The operations of the model, as a choice: [`Composed`] from the tensor library's own operations, on
//! any device, the reference; [`Fused`] with forward and backward written by hand, on the CPU.

mod composed;
pub(super) mod fused;

use dfdx::prelude::*;

pub use composed::Composed;
pub use fused::Fused;

use super::attention::{TextAttention, TextContext};
use super::vision::{Merger, PatchAttention, PatchContext};
use crate::sequence::Packed;

/// Added to the mean square before its root is taken.
pub const RMS_EPS: f32 = 1e-6;

/// Activations: a number of rows that is known when running, and a width that is known when compiling.
pub type Rows<const W: usize, Dev, T> = Tensor<(usize, Const<W>), f32, Dev, T>;

/// The weights of a gated MLP with its normalisation: `x + down(silu(gate(n)) · up(n))`, `n = norm(x)`.
pub struct Gated<'a, const W: usize, const F: usize, Dev: Device<f32>> {
    /// Gain of the normalisation.
    pub norm: &'a Tensor<Rank1<W>, f32, Dev>,
    /// Gate map.
    pub gate: &'a Tensor<Rank2<F, W>, f32, Dev>,
    /// Up map.
    pub up: &'a Tensor<Rank2<F, W>, f32, Dev>,
    /// Down map.
    pub down: &'a Tensor<Rank2<W, F>, f32, Dev>,
    /// Biases of gate, up and down, if any.
    pub biases: Option<Biases<'a, W, F, Dev>>,
}

/// Biases of gate, up and down.
pub type Biases<'a, const W: usize, const F: usize, Dev> = (
    &'a Tensor<Rank1<F>, f32, Dev>,
    &'a Tensor<Rank1<F>, f32, Dev>,
    &'a Tensor<Rank1<W>, f32, Dev>,
);

/// Scores of the target tokens of a batch, in its order.
pub struct Scored<Dev: Device<f32>, T> {
    /// Log-probability of each target token at the temperature, in nats.
    pub logps: Tensor<(usize,), f32, Dev, T>,
    /// Entropy of the distribution of each, in nats; no gradient.
    pub entropy: Vec<f32>,
}

/// The blocks of the model. Every block maps rows to rows and puts its backward on the tape.
pub trait Ops<Dev: Device<f32>> {
    /// `x · weightᵀ`.
    fn linear<const I: usize, const O: usize, T: Tape<f32, Dev>>(
        x: Rows<I, Dev, T>,
        weight: &Tensor<Rank2<O, I>, f32, Dev>,
    ) -> Rows<O, Dev, T>;

    /// Attention among the patches of each segment, with its normalisation and residual.
    fn patch_attention<const W: usize, const QKV: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: &PatchAttention<W, QKV, Dev>,
        context: &PatchContext,
    ) -> Rows<W, Dev, T>;

    /// Gated MLP with its normalisation and residual.
    fn gated_mlp<const W: usize, const F: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: Gated<W, F, Dev>,
    ) -> Rows<W, Dev, T>;

    /// Groups of `MERGED / W` rows to one row each.
    fn merge<const W: usize, const MERGED: usize, const D: usize, T: Tape<f32, Dev>>(
        x: Rows<W, Dev, T>,
        weights: &Merger<W, MERGED, D, Dev>,
    ) -> Rows<D, Dev, T>;

    /// Embeds the rows of a batch: its tokens from the table, its visual rows from `visual`, the name of a
    /// named frame added.
    fn embed<const VOCAB: usize, const D: usize, T: Tape<f32, Dev>>(
        visual: Rows<D, Dev, T>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Dev>,
        batch: &Packed,
    ) -> Rows<D, Dev, T>;

    /// Masked grouped-query attention inside each sequence, with its normalisation and residual.
    fn text_attention<const D: usize, const Q: usize, const KV: usize, T: Tape<f32, Dev>>(
        x: Rows<D, Dev, T>,
        weights: &TextAttention<D, Q, KV, Dev>,
        context: &TextContext,
    ) -> Rows<D, Dev, T>;

    /// The rows with these numbers, in this order.
    fn pick<const W: usize, T: Tape<f32, Dev>>(x: Rows<W, Dev, T>, rows: &[u32])
    -> Rows<W, Dev, T>;

    /// Scores one token a row: normalisation, output map, log-softmax.
    fn token_logps<const VOCAB: usize, const D: usize, T: Tape<f32, Dev>>(
        x: Rows<D, Dev, T>,
        norm: &Tensor<Rank1<D>, f32, Dev>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Dev>,
        tokens: &[u32],
        temperature: f32,
    ) -> Scored<Dev, T>;
}
