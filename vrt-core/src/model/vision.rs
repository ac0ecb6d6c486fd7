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
    /// Patches on a side of a frame that [`super::patches`] cuts.
    pub grid: usize,
    /// Patches on a side of a merge group; `grid` is a multiple of it.
    pub merge: usize,
    /// Merge groups on a side of an attention window.
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

    /// `(row, column)` of each patch of a frame in the order in which patches are given: merge groups
    /// row by row, in them patches row by row, so that a merge group is contiguous.
    pub fn patch_order(&self) -> Vec<[u32; 2]> {
        let groups = self.grid / self.merge;
        cells(groups, groups)
            .flat_map(|group| self.group(group))
            .collect()
    }

    /// `(row, column)` of each patch of a merge group.
    fn group(&self, (row, column): (usize, usize)) -> impl Iterator<Item = [u32; 2]> {
        let side = self.merge;
        cells(side, side).map(move |(y, x)| [row * side + y, column * side + x].map(|at| at as u32))
    }
}

fn cells(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |y| (0..columns).map(move |x| (y, x)))
}

/// In which order the tower reads patches, and which of them attend to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPlan {
    /// Place of each merge group, as the tower reads them, in the order in which they are given.
    groups: Vec<usize>,
    /// `(row, column)` of each patch, as the tower reads them.
    places: Vec<[u32; 2]>,
    /// Starts of the attention windows, and the number of patches.
    windows: Vec<usize>,
    /// Starts of the frames, and the number of patches.
    frames: Vec<usize>,
}

impl PatchPlan {
    /// The plan for videos of `[frames, rows, columns]` patches; rows and columns are multiples of the
    /// merge side, and windows are cut at the right and lower edge.
    pub fn new(config: &VisionConfig, grids: &[[usize; 3]]) -> Self {
        let mut plan = Self {
            groups: Vec::new(),
            places: Vec::new(),
            windows: vec![0],
            frames: vec![0],
        };
        for &[frames, rows, columns] in grids {
            for _ in 0..frames {
                plan.push_frame(config, rows / config.merge, columns / config.merge);
            }
        }
        plan
    }

    fn push_frame(&mut self, config: &VisionConfig, rows: usize, columns: usize) {
        let first = self.groups.len();
        let side = config.window;
        for (wy, wx) in cells(rows.div_ceil(side), columns.div_ceil(side)) {
            for y in wy * side..rows.min((wy + 1) * side) {
                for x in wx * side..columns.min((wx + 1) * side) {
                    self.groups.push(first + y * columns + x);
                    self.places.extend(config.group((y, x)));
                }
            }
            self.windows.push(self.places.len());
        }
        self.frames.push(self.places.len());
    }

    /// Number of patches.
    pub fn patches(&self) -> usize {
        self.places.len()
    }

    /// Place among the merge groups given of each that the tower reads: the published `window_index`.
    pub fn window_index(&self) -> &[usize] {
        &self.groups
    }

    /// Starts of the attention windows, and the number of patches: the published `cu_window_seqlens`.
    pub fn windows(&self) -> &[usize] {
        &self.windows
    }

    /// Starts of the frames, and the number of patches.
    pub(super) fn frames(&self) -> &[usize] {
        &self.frames
    }

    /// Rotary tables of the patches as the tower reads them.
    pub(super) fn rotary(&self, head_dim: usize) -> Rotary {
        Rotary::planar(&self.places, head_dim)
    }

    /// Merge groups of so many numbers in the order in which the tower reads them, if they move.
    pub(super) fn read(&self, given: &[f32], group: usize) -> Option<Vec<f32>> {
        Some(moved(given, group, self.reading(1)?))
    }

    /// Tokens of so many numbers in the order in which their groups were given, if they move.
    pub(super) fn write(&self, tokens: &[f32], width: usize) -> Option<Vec<f32>> {
        Some(moved(tokens, width, self.writing()?))
    }

    /// For each row that the tower reads the row given, if they differ: groups of `size` rows move.
    fn reading(&self, size: usize) -> Option<Vec<usize>> {
        (!self.groups.is_sorted()).then(|| {
            self.groups
                .iter()
                .flat_map(|group| group * size..(group + 1) * size)
                .collect()
        })
    }

    /// For each merge group given its place as the tower reads them, if they differ.
    fn writing(&self) -> Option<Vec<usize>> {
        (!self.groups.is_sorted()).then(|| {
            let mut places = vec![0; self.groups.len()];
            for (at, &group) in self.groups.iter().enumerate() {
                places[group] = at;
            }
            places
        })
    }
}

fn moved(from: &[f32], width: usize, order: Vec<usize>) -> Vec<f32> {
    order
        .into_iter()
        .flat_map(|at| &from[at * width..][..width])
        .copied()
        .collect()
}

/// The context of one attention block over patches.
#[derive(Clone, Debug)]
pub struct PatchContext {
    /// Attention heads.
    pub heads: usize,
    /// `starts[s]..starts[s + 1]` are patches that attend to each other: a window or a frame.
    pub starts: Vec<usize>,
    /// Rotary tables of the patches.
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

    fn declare(prefix: &str, see: &mut impl FnMut(String, Vec<usize>)) {
        <PatchEmbed<VD, PATCH, Dev> as Zeros<Dev>>::declare(prefix, see);
        for i in 0..VDEPTH {
            <(PatchAttention<VD, VQKV, Dev>, PatchMlp<VD, VMLP, Dev>)>::declare(
                &format!("{prefix}blocks.{i}."),
                see,
            );
        }
        Merger::<VD, MERGED, D, Dev>::declare(&format!("{prefix}merger."), see);
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

    /// Visual tokens `(tokens, D)` of patches `(patches, PATCH)`, both frame by frame, merge groups row by
    /// row.
    pub fn forward<O: Ops<Dev>, T: Tape<f32, Dev>>(
        &self,
        config: &VisionConfig,
        plan: &PatchPlan,
        patches: Tensor<(usize, Const<PATCH>), f32, Dev, T>,
    ) -> Tensor<(usize, Const<D>), f32, Dev, T> {
        self.forward_seen::<O, T>(config, plan, patches, &mut |_| {})
    }

    /// [`VisionTower::forward`], showing `see` the rows `(patches, VD)` after the patch embedding and after each block,
    /// in the order in which the tower reads them ([`PatchPlan::window_index`]).
    pub fn forward_seen<O: Ops<Dev>, T: Tape<f32, Dev>>(
        &self,
        config: &VisionConfig,
        plan: &PatchPlan,
        patches: Tensor<(usize, Const<PATCH>), f32, Dev, T>,
        see: &mut impl FnMut(&Tensor<(usize, Const<VD>), f32, Dev, T>),
    ) -> Tensor<(usize, Const<D>), f32, Dev, T> {
        const {
            assert!(VQKV == 3 * VD, "VQKV is three times VD");
            assert!(
                VD.is_multiple_of(VHEADS) && (VD / VHEADS).is_multiple_of(4),
                "a head needs a multiple of four dimensions for 2-D rotary positions"
            );
        }
        let rotary = plan.rotary(VD / VHEADS);
        let context = |starts: &[usize]| PatchContext {
            heads: VHEADS,
            starts: starts.to_vec(),
            rotary: rotary.clone(),
        };
        let windowed = context(&plan.windows);
        let full = context(&plan.frames);
        let patches = match plan.reading(config.merge * config.merge) {
            Some(order) => pick(patches, order),
            None => patches,
        };
        let mut x = O::linear(patches, &self.patch_embed.proj);
        see(&x);
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
            see(&x);
        }
        let tokens = O::merge(x, &self.merger);
        match plan.writing() {
            Some(order) => pick(tokens, order),
            None => tokens,
        }
    }
}

fn pick<const W: usize, Dev: Device<f32>, T: Tape<f32, Dev>>(
    x: Tensor<(usize, Const<W>), f32, Dev, T>,
    rows: Vec<usize>,
) -> Tensor<(usize, Const<W>), f32, Dev, T> {
    let count = (rows.len(),);
    let rows = x.device().tensor_from_vec(rows, count);
    x.gather(rows)
}

/// The sizes of a vision tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisionSizes {
    /// Numbers in a flattened patch: channels · frames in a patch · side².
    pub patch: usize,
    /// Width of the tower.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub mlp: usize,
    /// Numbers in a merge group: patches of it · width.
    pub merged: usize,
    /// Width of a visual token.
    pub out: usize,
}

/// A vision tower with its sizes hidden: what [`super::qwen::Qwen25Vl`] needs of one.
pub trait VisionModel: Zeros<Cpu> {
    /// Width of a visual token.
    type Width: ConstDim;
    /// Numbers in a flattened patch.
    const PATCH: usize;
    /// The sizes, for checks.
    const SIZES: VisionSizes;
    /// See [`VisionTower::forward`]; `patches` holds the plan's patches.
    fn embed<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &VisionConfig,
        plan: &PatchPlan,
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
    const SIZES: VisionSizes = VisionSizes {
        patch: PATCH,
        dim: VD,
        depth: VDEPTH,
        heads: VHEADS,
        mlp: VMLP,
        merged: MERGED,
        out: D,
    };

    fn embed<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &VisionConfig,
        plan: &PatchPlan,
        patches: Vec<f32>,
        dev: &Cpu,
        tape: T,
    ) -> Tensor<(usize, Self::Width), f32, Cpu, T> {
        let rows = patches.len() / PATCH;
        let patches = dev.tensor_from_vec(patches, (rows, Const::<PATCH>));
        self.forward::<O, T>(config, plan, patches.put_tape(tape))
    }
}
