//! In: patches of frames. Out: visual tokens. The vision tower of Qwen2.5-VL.
//!
//! Patch embedding, blocks of windowed or full attention with 2-D rotary positions and a gated MLP,
//! then a merger that turns each group of neighbouring patches into one token of the decoder.

use dfdx::prelude::*;

use super::attention::Rotary;
use super::ops::{Gated, Ops};
use super::params::{Init, Parameters, Visitor, VisitorMut, Zeros, weights};

/// What the vision tower's shapes do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisionConfig {
    /// Pixels on a side of a patch.
    pub patch: usize,
    /// Patches on a side of a frame.
    pub grid: usize,
    /// Patches on a side of a merge group; `grid` is a multiple of it.
    pub merge: usize,
    /// Merge groups on a side of an attention window; `grid / merge` is a multiple of it.
    pub window: usize,
    /// Blocks that attend over a whole frame, as bits: bit `i` is block `i`.
    pub full_blocks: u32,
}

impl VisionConfig {
    /// Patches of one frame.
    pub const fn patches(&self) -> usize {
        self.grid * self.grid
    }

    /// Visual tokens of one frame.
    pub const fn tokens(&self) -> usize {
        (self.grid / self.merge) * (self.grid / self.merge)
    }

    /// `(row, column)` of each patch of a frame in the order in which the tower reads them: windows, in
    /// them merge groups, in them patches, so that a window and a merge group are contiguous.
    pub fn patch_order(&self) -> Vec<[u32; 2]> {
        let group = self.merge;
        let window = self.window * group;
        let mut order = Vec::with_capacity(self.patches());
        for (wy, wx) in cells(self.grid / window) {
            for (gy, gx) in cells(self.window) {
                for (y, x) in cells(group) {
                    let place = [wy * window + gy * group + y, wx * window + gx * group + x];
                    order.push(place.map(|value| value as u32));
                }
            }
        }
        order
    }
}

fn cells(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side).flat_map(move |y| (0..side).map(move |x| (y, x)))
}

/// The context of one attention block over patches.
#[derive(Clone, Debug)]
pub struct PatchContext {
    /// Attention heads.
    pub heads: usize,
    /// Consecutive patches that attend to each other: a window or a frame.
    pub segment: usize,
    /// Rotary tables of the patches of ONE frame.
    pub rotary: Rotary,
}

weights! {
    /// Attention over patches: `x + proj(attention(qkv(norm1(x))))`. `QKV = 3 · VD`.
    PatchAttention<VD, QKV> {
        /// Gain of the normalisation before it.
        norm: Rank1<VD> = "norm1.weight", Init::Ones;
        /// Queries, keys, values in one map.
        qkv: Rank2<QKV, VD> = "attn.qkv.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        qkv_bias: Rank1<QKV> = "attn.qkv.bias", Init::Zeros;
        /// Output map.
        proj: Rank2<VD, VD> = "attn.proj.weight", Init::Normal { gain: 0.5 };
        /// Its bias.
        proj_bias: Rank1<VD> = "attn.proj.bias", Init::Zeros;
    }
}

weights! {
    /// Gated MLP over patches, with biases.
    PatchMlp<VD, VMLP> {
        /// Gain of the normalisation before it.
        norm: Rank1<VD> = "norm2.weight", Init::Ones;
        /// Gate map.
        gate: Rank2<VMLP, VD> = "mlp.gate_proj.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        gate_bias: Rank1<VMLP> = "mlp.gate_proj.bias", Init::Zeros;
        /// Up map.
        up: Rank2<VMLP, VD> = "mlp.up_proj.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        up_bias: Rank1<VMLP> = "mlp.up_proj.bias", Init::Zeros;
        /// Down map.
        down: Rank2<VD, VMLP> = "mlp.down_proj.weight", Init::Normal { gain: 0.5 };
        /// Its bias.
        down_bias: Rank1<VD> = "mlp.down_proj.bias", Init::Zeros;
    }
}

weights! {
    /// One merge group of patches becomes one token: `mlp.2(gelu(mlp.0(concat(ln_q(x)))))`.
    Merger<VD, MERGED, D> {
        /// Gain of the normalisation before it.
        norm: Rank1<VD> = "ln_q.weight", Init::Ones;
        /// Hidden map over a whole group; `MERGED = merge² · VD`.
        hidden: Rank2<MERGED, MERGED> = "mlp.0.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        hidden_bias: Rank1<MERGED> = "mlp.0.bias", Init::Zeros;
        /// Map to the decoder's width.
        out: Rank2<D, MERGED> = "mlp.2.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        out_bias: Rank1<D> = "mlp.2.bias", Init::Zeros;
    }
}

weights! {
    /// A linear map of a flattened patch.
    PatchEmbed<VD, PATCH> {
        /// `[VD, channels · patch · patch]`, no bias.
        proj: Rank2<VD, PATCH> = "patch_embed.proj.weight", Init::Normal { gain: 1.0 };
    }
}

/// The vision tower.
#[derive(Clone, Debug)]
pub struct VisionTower<
    const PATCH: usize,
    const VD: usize,
    const VDEPTH: usize,
    const VHEADS: usize,
    const VQKV: usize,
    const VMLP: usize,
    const MERGED: usize,
    const D: usize,
    Dev: Device<f32> = Cpu,
> {
    /// Patches to tower width.
    pub patch_embed: PatchEmbed<VD, PATCH, Dev>,
    /// Attention, then MLP, `VDEPTH` times.
    pub blocks: Vec<(PatchAttention<VD, VQKV, Dev>, PatchMlp<VD, VMLP, Dev>)>,
    /// Merge groups to decoder width.
    pub merger: Merger<VD, MERGED, D, Dev>,
}

impl<
    const PATCH: usize,
    const VD: usize,
    const VDEPTH: usize,
    const VHEADS: usize,
    const VQKV: usize,
    const VMLP: usize,
    const MERGED: usize,
    const D: usize,
    Dev: Device<f32>,
> Parameters<Dev> for VisionTower<PATCH, VD, VDEPTH, VHEADS, VQKV, VMLP, MERGED, D, Dev>
{
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor<Dev>) {
        self.patch_embed.visit(prefix, visitor);
        for (i, block) in self.blocks.iter().enumerate() {
            block.visit(&format!("{prefix}blocks.{i}."), visitor);
        }
        self.merger.visit(&format!("{prefix}merger."), visitor);
    }

    fn visit_mut(&mut self, prefix: &str, visitor: &mut impl VisitorMut<Dev>) {
        self.patch_embed.visit_mut(prefix, visitor);
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.visit_mut(&format!("{prefix}blocks.{i}."), visitor);
        }
        self.merger.visit_mut(&format!("{prefix}merger."), visitor);
    }
}

impl<
    const PATCH: usize,
    const VD: usize,
    const VDEPTH: usize,
    const VHEADS: usize,
    const VQKV: usize,
    const VMLP: usize,
    const MERGED: usize,
    const D: usize,
    Dev: Device<f32>,
> Zeros<Dev> for VisionTower<PATCH, VD, VDEPTH, VHEADS, VQKV, VMLP, MERGED, D, Dev>
{
    fn zeros(dev: &Dev) -> Self {
        Self {
            patch_embed: Zeros::zeros(dev),
            blocks: (0..VDEPTH).map(|_| Zeros::zeros(dev)).collect(),
            merger: Zeros::zeros(dev),
        }
    }
}

impl<
    const PATCH: usize,
    const VD: usize,
    const VDEPTH: usize,
    const VHEADS: usize,
    const VQKV: usize,
    const VMLP: usize,
    const MERGED: usize,
    const D: usize,
    Dev: Device<f32>,
> VisionTower<PATCH, VD, VDEPTH, VHEADS, VQKV, VMLP, MERGED, D, Dev>
{
    /// Number of parameters.
    pub const PARAMETERS: usize = VD * PATCH
        + VDEPTH * (VD + VQKV * VD + VQKV + VD * VD + VD)
        + VDEPTH * (VD + 3 * VMLP * VD + 2 * VMLP + VD)
        + VD
        + MERGED * MERGED
        + MERGED
        + D * MERGED
        + D;

    /// Visual tokens `(tokens, D)` of patches `(patches, PATCH)` in the order of
    /// [`VisionConfig::patch_order`], whole frames one after the other.
    pub fn forward<O: Ops<Dev>, T: Tape<f32, Dev>>(
        &self,
        config: &VisionConfig,
        patches: Tensor<(usize, Const<PATCH>), f32, Dev, T>,
    ) -> Tensor<(usize, Const<D>), f32, Dev, T> {
        const {
            assert!(VQKV == 3 * VD, "VQKV is three times VD");
            assert!(
                VD.is_multiple_of(VHEADS) && (VD / VHEADS).is_multiple_of(4),
                "a head needs a multiple of four dimensions for 2-D rotary positions"
            );
        }
        let rotary = Rotary::planar(&config.patch_order(), VD / VHEADS);
        let context = |segment| PatchContext {
            heads: VHEADS,
            segment,
            rotary: rotary.clone(),
        };
        let windowed = context((config.window * config.merge).pow(2));
        let full = context(config.patches());
        let mut x = O::linear(patches, &self.patch_embed.proj);
        for (i, (attention, mlp)) in self.blocks.iter().enumerate() {
            let context = if config.full_blocks >> i & 1 == 1 {
                &full
            } else {
                &windowed
            };
            x = O::patch_attention(x, attention, context);
            x = O::gated_mlp(
                x,
                Gated {
                    norm: &mlp.norm,
                    gate: &mlp.gate,
                    up: &mlp.up,
                    down: &mlp.down,
                    biases: Some((&mlp.gate_bias, &mlp.up_bias, &mlp.down_bias)),
                },
            );
        }
        O::merge(x, &self.merger)
    }
}

/// A vision tower with its sizes hidden: what [`super::qwen::Qwen25Vl`] needs of one.
pub trait VisionModel: Zeros<Cpu> {
    /// Width of a visual token.
    type Width: ConstDim;
    /// Numbers in a flattened patch.
    const PATCH: usize;
    /// See [`VisionTower::forward`]; `patches` holds whole frames.
    fn embed<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &VisionConfig,
        patches: Vec<f32>,
        dev: &Cpu,
        tape: T,
    ) -> Tensor<(usize, Self::Width), f32, Cpu, T>;
}

impl<
    const PATCH: usize,
    const VD: usize,
    const VDEPTH: usize,
    const VHEADS: usize,
    const VQKV: usize,
    const VMLP: usize,
    const MERGED: usize,
    const D: usize,
> VisionModel for VisionTower<PATCH, VD, VDEPTH, VHEADS, VQKV, VMLP, MERGED, D>
{
    type Width = Const<D>;
    const PATCH: usize = PATCH;

    fn embed<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &VisionConfig,
        patches: Vec<f32>,
        dev: &Cpu,
        tape: T,
    ) -> Tensor<(usize, Self::Width), f32, Cpu, T> {
        let rows = patches.len() / PATCH;
        let patches = dev.tensor_from_vec(patches, (rows, Const::<PATCH>));
        self.forward::<O, T>(config, patches.put_tape(tape))
    }
}
