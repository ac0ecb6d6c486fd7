//! In: patches of frames. Out: their visual tokens, without a tape.
//!
//! A frame's tokens do not depend, not in a bit, on the other frames of a call: who is looked at beside whom is
//! a matter of threads. The weights are laid out once.

use super::attention::Rotary;
use super::error::ModelError;
use super::kernels::{self, add_bias};
use super::ops::RMS_EPS;
use super::ops::fused::attention::turn;
use super::ops::fused::merge::gelu;
use super::ops::fused::scores::{Heads, Mask, Segments};
use super::panels::{Panels, Start};
use super::patches;
use super::vision::{PatchPlan, VisionConfig, VisionSizes};
use super::weights::{Reader, WeightsError};
use crate::pair::Frame;

/// The vision tower on plain slices.
#[derive(Clone, Debug)]
pub struct Encoder {
    config: VisionConfig,
    sizes: VisionSizes,
    embed: Panels,
    blocks: Vec<Block>,
    norm: Vec<f32>,
    hidden: Linear,
    out: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    attention_norm: Vec<f32>,
    qkv: Linear,
    proj: Linear,
    mlp_norm: Vec<f32>,
    /// Rows gate, up.
    gate_up: Linear,
    down: Linear,
}

/// `x · Wᵀ + b`.
#[derive(Clone, Debug)]
struct Linear {
    weight: Panels,
    bias: Vec<f32>,
}

impl Linear {
    fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let inputs = weight.len() / bias.len();
        Self {
            weight: Panels::new(weight, inputs),
            bias,
        }
    }

    /// The bias comes last, as in training: a sum that started from it would round otherwise.
    fn apply(&self, x: &[f32], rows: usize) -> Vec<f32> {
        let mut y = vec![0.0; rows * self.bias.len()];
        self.weight.apply(&mut y, x, Start::Zero);
        add_bias(&mut y, &self.bias);
        y
    }

    /// Adds to the residual stream: first the product, then the bias, as in training.
    fn add(&self, stream: &mut [f32], x: &[f32], rows: usize) {
        let mut product = vec![0.0; rows * self.bias.len()];
        self.weight.apply(&mut product, x, Start::Zero);
        kernels::add(stream, &product);
        add_bias(stream, &self.bias);
    }
}

impl Encoder {
    /// Takes each parameter from `source` by its published name (`visual.blocks.0.attn.qkv.weight`, …), row-major.
    ///
    /// # Errors
    /// [`WeightsError`] lists every parameter that is missing or misshaped.
    pub fn new(
        config: VisionConfig,
        sizes: VisionSizes,
        source: impl FnMut(&str) -> Option<Vec<f32>>,
    ) -> Result<Self, WeightsError> {
        let VisionSizes {
            patch,
            dim,
            depth,
            mlp,
            merged,
            out,
            ..
        } = sizes;
        let mut reader = Reader {
            source,
            errors: Vec::new(),
        };
        let embed = reader.take("visual.patch_embed.proj.weight", &[dim, patch]);
        let mut blocks = Vec::with_capacity(depth);
        for at in 0..depth {
            let mut part = |name: &str, shape: &[usize]| {
                reader.take(&format!("visual.blocks.{at}.{name}"), shape)
            };
            let mut gate_up = part("mlp.gate_proj.weight", &[mlp, dim]);
            gate_up.extend(part("mlp.up_proj.weight", &[mlp, dim]));
            let mut gate_up_bias = part("mlp.gate_proj.bias", &[mlp]);
            gate_up_bias.extend(part("mlp.up_proj.bias", &[mlp]));
            let mut linear = |name: &str, outputs: usize, inputs: usize| {
                let weight = part(&format!("{name}.weight"), &[outputs, inputs]);
                Linear::new(&weight, part(&format!("{name}.bias"), &[outputs]))
            };
            let qkv = linear("attn.qkv", 3 * dim, dim);
            let proj = linear("attn.proj", dim, dim);
            let down = linear("mlp.down_proj", dim, mlp);
            blocks.push(Block {
                attention_norm: part("norm1.weight", &[dim]),
                qkv,
                proj,
                mlp_norm: part("norm2.weight", &[dim]),
                gate_up: Linear::new(&gate_up, gate_up_bias),
                down,
            });
        }
        let mut part =
            |name: &str, shape: &[usize]| reader.take(&format!("visual.merger.{name}"), shape);
        let norm = part("ln_q.weight", &[dim]);
        let weight = part("mlp.0.weight", &[merged, merged]);
        let hidden = Linear::new(&weight, part("mlp.0.bias", &[merged]));
        let weight = part("mlp.2.weight", &[out, merged]);
        let last = Linear::new(&weight, part("mlp.2.bias", &[out]));
        if !reader.errors.is_empty() {
            return Err(WeightsError::Parameters(reader.errors));
        }
        Ok(Self {
            config,
            sizes,
            embed: Panels::new(&embed, patch),
            blocks,
            norm,
            hidden,
            out: last,
        })
    }

    /// As [`super::qwen::Qwen25Vl::patchify`].
    ///
    /// # Errors
    /// [`ModelError::FrameSize`] if the frame is not of the size this tower reads.
    pub fn patchify(&self, frame: &Frame) -> Result<Vec<f32>, ModelError> {
        patches::patchify(&self.config, frame)
    }

    /// Visual tokens `tokens × D` of whole square frames, as [`Encoder::patchify`] gives their patches.
    ///
    /// # Panics
    /// If the patches are not those of whole frames.
    pub fn frames(&self, patches: &[f32]) -> Vec<f32> {
        let side = self.config.grid;
        let frame = self.config.patches() * self.sizes.patch;
        self.videos(&[[patches.len() / frame, side, side]], patches)
    }

    /// Visual tokens of videos of `[frames, rows, columns]` patches each; patches and tokens run frame by frame, merge
    /// groups row by row.
    ///
    /// # Panics
    /// If the patches are not those of the grids.
    pub fn videos(&self, grids: &[[usize; 3]], patches: &[f32]) -> Vec<f32> {
        let VisionSizes {
            patch,
            dim,
            heads,
            mlp,
            merged,
            out,
            ..
        } = self.sizes;
        let plan = PatchPlan::new(&self.config, grids);
        let rows = plan.patches();
        assert_eq!(patches.len(), rows * patch, "patches of the grids");
        let moved = plan.read(patches, merged / dim * patch);
        let mut x = vec![0.0; rows * dim];
        self.embed
            .apply(&mut x, moved.as_deref().unwrap_or(patches), Start::Zero);

        let rotary = plan.rotary(dim / heads);
        let segments = |starts: &[usize]| Segments {
            heads: Heads {
                query: heads,
                key: heads,
                dim: dim / heads,
            },
            starts: starts.to_vec(),
            mask: Mask::Open,
        };
        let (windowed, full) = (segments(plan.windows()), segments(plan.frames()));
        let mut normed = vec![0.0; rows * dim];
        for (at, block) in self.blocks.iter().enumerate() {
            let within = if self.config.full_blocks >> at & 1 == 1 {
                &full
            } else {
                &windowed
            };
            block.attention(&mut x, &mut normed, within, &rotary);
            block.mlp(&mut x, &mut normed, mlp);
        }
        kernels::rmsnorm(&mut normed, &x, &self.norm, RMS_EPS, None);
        let groups = rows * dim / merged;
        let mut hidden = self.hidden.apply(&normed, groups);
        for x in &mut hidden {
            *x = gelu(*x).0;
        }
        let tokens = self.out.apply(&hidden, groups);
        plan.write(&tokens, out).unwrap_or(tokens)
    }
}

impl Block {
    fn attention(&self, x: &mut [f32], normed: &mut [f32], within: &Segments, rotary: &Rotary) {
        let rows = normed.len() / self.attention_norm.len();
        kernels::rmsnorm(normed, x, &self.attention_norm, RMS_EPS, None);
        let mut qkv = self.qkv.apply(normed, rows);
        turn(within.heads, rotary, &mut qkv, 1.0);
        let (attended, _) = within.forward(&qkv);
        self.proj.add(x, &attended, rows);
    }

    fn mlp(&self, x: &mut [f32], normed: &mut [f32], inner: usize) {
        let rows = normed.len() / self.mlp_norm.len();
        kernels::rmsnorm(normed, x, &self.mlp_norm, RMS_EPS, None);
        let gate_up = self.gate_up.apply(normed, rows);
        let mut hidden = vec![0.0; rows * inner];
        kernels::swiglu(&mut hidden, &gate_up, inner);
        self.down.add(x, &hidden, rows);
    }
}
