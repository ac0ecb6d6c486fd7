//! The model's operations with forward and backward written by hand over plain slices, on the CPU.
//!
//! One file an operation. Each keeps what its backward needs in buffers of its own. One thread: a batch
//! is split over threads by whoever trains.

pub(in crate::model) mod attention;
pub(in crate::model) mod backward;
pub(in crate::model) mod embed;
mod linear;
pub(in crate::model) mod logp;
pub(in crate::model) mod merge;
pub(in crate::model) mod mlp;
mod pick;
pub(in crate::model) mod scores;
mod tape;

use dfdx::prelude::*;

use super::{Gated, Ops, Rows, Scored};
use crate::model::attention::{TextAttention, TextContext};
use crate::model::vision::{Merger, PatchAttention, PatchContext};
use crate::sequence::Packed;

/// Hand-written operations; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Fused;

impl Ops<Cpu> for Fused {
    fn linear<const I: usize, const O: usize, T: Tape<f32, Cpu>>(
        x: Rows<I, Cpu, T>,
        weight: &Tensor<Rank2<O, I>, f32, Cpu>,
    ) -> Rows<O, Cpu, T> {
        linear::linear(x, weight)
    }

    fn patch_attention<const W: usize, const QKV: usize, T: Tape<f32, Cpu>>(
        x: Rows<W, Cpu, T>,
        weights: &PatchAttention<W, QKV, Cpu>,
        context: &PatchContext,
    ) -> Rows<W, Cpu, T> {
        attention::patches(x, weights, context)
    }

    fn gated_mlp<const W: usize, const F: usize, T: Tape<f32, Cpu>>(
        x: Rows<W, Cpu, T>,
        weights: Gated<W, F, Cpu>,
    ) -> Rows<W, Cpu, T> {
        mlp::gated_mlp(x, weights)
    }

    fn merge<const W: usize, const MERGED: usize, const D: usize, T: Tape<f32, Cpu>>(
        x: Rows<W, Cpu, T>,
        weights: &Merger<W, MERGED, D, Cpu>,
    ) -> Rows<D, Cpu, T> {
        merge::merge(x, weights)
    }

    fn embed<const VOCAB: usize, const D: usize, T: Tape<f32, Cpu>>(
        visual: Rows<D, Cpu, T>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Cpu>,
        batch: &Packed,
    ) -> Rows<D, Cpu, T> {
        embed::embed(visual, table, batch)
    }

    fn text_attention<const D: usize, const Q: usize, const KV: usize, T: Tape<f32, Cpu>>(
        x: Rows<D, Cpu, T>,
        weights: &TextAttention<D, Q, KV, Cpu>,
        context: &TextContext,
    ) -> Rows<D, Cpu, T> {
        attention::text(x, weights, context)
    }

    fn pick<const W: usize, T: Tape<f32, Cpu>>(
        x: Rows<W, Cpu, T>,
        rows: &[u32],
    ) -> Rows<W, Cpu, T> {
        pick::pick(x, rows)
    }

    fn token_logps<const VOCAB: usize, const D: usize, T: Tape<f32, Cpu>>(
        x: Rows<D, Cpu, T>,
        norm: &Tensor<Rank1<D>, f32, Cpu>,
        table: &Tensor<Rank2<VOCAB, D>, f32, Cpu>,
        tokens: &[u32],
        temperature: f32,
    ) -> Scored<Cpu, T> {
        logp::token_logps(x, norm, table, tokens, temperature)
    }
}
