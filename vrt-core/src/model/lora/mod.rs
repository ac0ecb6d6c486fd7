//! In: a frozen decoder and a batch. Out: gradients of low-rank adapters, and merged weights.
//!
//! LoRA (Hu et al. 2021): each projection becomes `W + (alpha/rank)·B·A`, and only `A` and `B` are trained. The
//! conventions are peft's: `A` is `[rank, in]`, uniform within `1/√in`; `B` is `[out, rank]` and starts at zero, so
//! that a fresh adapter changes nothing.
//!
//! The base is shared by all shards and never copied: a pass borrows it. Of a forward pass only the input of each layer
//! is kept; the backward runs a layer again before it goes through it.

mod frozen;
mod layer;

use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use frozen::Frozen;

use self::frozen::{PROJECTIONS, Sizes};
use self::layer::Layer;
use super::attention::TextContext;
use super::error::ModelError;
use super::gradients::Shard;
use super::kernels;
use super::ops::fused::{backward, embed, logp};
use super::params::ParamSpec;
use super::qwen;
use super::weights::DecoderConfig;
use crate::rng::{self, Purpose};
use crate::sequence::Packed;

/// Size and strength of the adapters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rows of `A`, columns of `B`.
    pub rank: usize,
    /// The adapters are scaled by `alpha / rank`.
    pub alpha: f32,
}

impl LoraConfig {
    /// Factor on `B·A`.
    pub fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }
}

/// Adapters that cannot be made, loaded or merged.
#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    /// A rank that is zero or larger than the smallest projection.
    #[error(
        "LoRA rank {rank}: give it a value from 1 to {largest}, the smallest side of a projection"
    )]
    Rank {
        /// The rank asked for.
        rank: usize,
        /// The largest that helps.
        largest: usize,
    },
    /// An alpha that is not a positive number.
    #[error("LoRA alpha {0}: give it a positive number; twice the rank is usual")]
    Alpha(f32),
    /// The list to merge into has no tensor of this name and size.
    #[error(
        "cannot merge: the checkpoint has no `{name}` of shape {shape:?}; it is of another model"
    )]
    Merge {
        /// The projection's name.
        name: String,
        /// The shape it should have.
        shape: [usize; 2],
    },
    /// The batch or the parameters do not fit.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Numbers in the adapters of a decoder.
pub fn adapters(decoder: &DecoderConfig, lora: LoraConfig) -> usize {
    decoder.layers * Sizes::of(decoder, lora.rank).layer()
}

/// Low-rank adapters on all projections of a frozen decoder: q, k, v, o, gate, up, down.
#[derive(Clone, Debug)]
pub struct Lora {
    base: Arc<Frozen>,
    config: LoraConfig,
    parameters: Vec<f32>,
}

/// Log-probabilities and entropies of a batch's targets, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// In nats, at the temperature.
    pub logps: Vec<f32>,
    /// In nats.
    pub entropy: Vec<f32>,
}

impl Lora {
    /// Fresh adapters over a base: each `A` from its own stream, each `B` zero.
    ///
    /// # Errors
    /// [`LoraError::Rank`], [`LoraError::Alpha`].
    pub fn new(base: Arc<Frozen>, config: LoraConfig, seed: u64) -> Result<Self, LoraError> {
        let sizes = Sizes::of(base.config(), config.rank);
        let largest = sizes.projections().flatten().min().unwrap_or(0);
        if config.rank == 0 || config.rank > largest {
            return Err(LoraError::Rank {
                rank: config.rank,
                largest,
            });
        }
        if !(config.alpha.is_finite() && config.alpha > 0.0) {
            return Err(LoraError::Alpha(config.alpha));
        }
        let count = adapters(base.config(), config);
        let mut lora = Self {
            base,
            config,
            parameters: vec![0.0; count],
        };
        for (index, spec) in lora.layout().iter().enumerate().step_by(2) {
            let bound = 1.0 / (spec.shape[1] as f32).sqrt();
            // The base's weights have `b` = 0.
            let mut rng = rng::stream(seed, Purpose::Init, index as u64, 1, 0);
            for value in &mut lora.parameters[spec.offset..][..config.rank * spec.shape[1]] {
                *value = rng.random_range(-bound..bound);
            }
        }
        Ok(lora)
    }

    /// The frozen decoder.
    pub fn base(&self) -> &Arc<Frozen> {
        &self.base
    }

    /// Rank and strength.
    pub fn config(&self) -> LoraConfig {
        self.config
    }

    /// All adapters, flat: what is trained, and all that is.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Sets all adapters.
    ///
    /// # Errors
    /// [`ModelError::FlatLength`] if the list is of other adapters.
    pub fn load_flat(&mut self, flat: &[f32]) -> Result<(), ModelError> {
        if flat.len() != self.parameters.len() {
            return Err(ModelError::FlatLength {
                found: flat.len(),
                expected: self.parameters.len(),
            });
        }
        self.parameters.copy_from_slice(flat);
        Ok(())
    }

    /// Names as peft writes them, shapes and offsets: `A` then `B` of each projection, layer by layer.
    pub fn layout(&self) -> Vec<ParamSpec> {
        let rank = self.config.rank;
        let mut layout = Vec::new();
        let mut offset = 0;
        for (name, [outputs, inputs]) in self.projections() {
            let name = format!("base_model.model.{}", name.trim_end_matches(".weight"));
            for (matrix, shape) in [("A", vec![rank, inputs]), ("B", vec![outputs, rank])] {
                let count: usize = shape.iter().product();
                layout.push(ParamSpec {
                    name: format!("{name}.lora_{matrix}.weight"),
                    shape,
                    offset,
                });
                offset += count;
            }
        }
        layout
    }

    /// Name and shape of each adapted weight, in the order of the flat list.
    fn projections(&self) -> impl Iterator<Item = (String, [usize; 2])> {
        let sizes = Sizes::of(self.base.config(), self.config.rank);
        (0..self.base.config().layers).flat_map(move |layer| {
            PROJECTIONS
                .iter()
                .zip(sizes.projections())
                .map(move |(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape))
        })
    }

    /// Adds `scale · B·A` to each projection of a flat list of parameters of the base, described by `layout`.
    ///
    /// # Errors
    /// [`LoraError::Merge`] if the list is of another model; nothing was changed then.
    pub fn merge(&self, layout: &[ParamSpec], flat: &mut [f32]) -> Result<(), LoraError> {
        let places = self
            .projections()
            .map(|(name, shape)| {
                let found = layout.iter().find(|spec| {
                    spec.name == name
                        && spec.shape == shape
                        && spec.offset + shape[0] * shape[1] <= flat.len()
                });
                found
                    .map(|spec| (spec.offset, shape))
                    .ok_or(LoraError::Merge { name, shape })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut from = 0;
        for (offset, shape) in places {
            let weight = &mut flat[offset..offset + shape[0] * shape[1]];
            from += self.add(weight, shape, from);
        }
        Ok(())
    }

    /// A parameter of the base by its published name, with its adapters added; `None` where the base has none.
    pub fn merged(&self, name: &str) -> Option<Vec<f32>> {
        let mut values = self.base.values(name)?.to_vec();
        let mut from = 0;
        for (projection, shape) in self.projections() {
            if projection == name {
                self.add(&mut values, shape, from);
                break;
            }
            from += self.config.rank * (shape[0] + shape[1]);
        }
        Some(values)
    }

    /// Adds `scale · B·A` to a weight; its `A` begins at `from` of the flat list. The numbers of both.
    fn add(&self, weight: &mut [f32], [outputs, inputs]: [usize; 2], from: usize) -> usize {
        let (rank, scale) = (self.config.rank, self.config.scale());
        let (a, rest) = self.parameters[from..].split_at(rank * inputs);
        let scaled: Vec<f32> = rest[..outputs * rank].iter().map(|b| b * scale).collect();
        kernels::matmul_nn(weight, &scaled, a, [outputs, inputs, rank], 1.0);
        rank * (outputs + inputs)
    }

    /// Log-probability of each target of a batch, with the adapters in place. `visual` are the embeddings that the
    /// batch refers to, `tokens × width`.
    ///
    /// # Errors
    /// [`LoraError::Model`] if the batch does not fit the base or `visual`.
    pub fn token_logps(
        &self,
        batch: &Packed,
        visual: &[f32],
        temperature: f32,
    ) -> Result<Scores, LoraError> {
        let pass = Pass::new(self, batch, visual, temperature)?;
        Ok(Scores {
            logps: pass.picked.logps,
            entropy: pass.picked.entropy,
        })
    }

    /// Gradient of a loss by the adapters; `loss` is as in [`qwen::Qwen25Vl::loss_gradients`].
    ///
    /// # Errors
    /// As [`Lora::token_logps`], and if the derivative has another length than the targets.
    pub fn loss_gradients(
        &self,
        batch: &Packed,
        visual: &[f32],
        temperature: f32,
        loss: impl FnOnce(&[f32], &[f32]) -> (f64, Vec<f32>),
    ) -> Result<Shard, LoraError> {
        let pass = Pass::new(self, batch, visual, temperature)?;
        let (loss, derivative) = loss(&pass.picked.logps, &pass.picked.entropy);
        if derivative.len() != pass.tokens.len() {
            return Err(LoraError::Model(ModelError::Length {
                what: "derivative of the loss",
                found: derivative.len(),
                expected: pass.tokens.len(),
            }));
        }
        Ok(Shard {
            loss,
            grads: pass.backward(&derivative),
        })
    }

    fn layer(&self, number: usize) -> Layer<'_> {
        let sizes = Sizes::of(self.base.config(), self.config.rank);
        let adapters = &self.parameters[number * sizes.layer()..][..sizes.layer()];
        Layer::new(
            self.base.config(),
            &self.base.layers[number],
            sizes,
            adapters,
            self.config,
        )
    }
}

/// A forward pass, kept for its backward.
struct Pass<'a> {
    lora: &'a Lora,
    context: TextContext,
    /// Input of each layer, `rows × width`.
    inputs: Vec<Vec<f32>>,
    rows: Vec<usize>,
    tokens: Vec<usize>,
    scale: f32,
    /// Target rows before the last normalisation.
    last: Vec<f32>,
    inverse: Vec<f32>,
    picked: logp::Picked,
}

impl<'a> Pass<'a> {
    fn new(
        lora: &'a Lora,
        batch: &Packed,
        visual: &[f32],
        temperature: f32,
    ) -> Result<Self, LoraError> {
        let base = &lora.base;
        let c = base.config();
        if !visual.len().is_multiple_of(c.dim) {
            return Err(LoraError::Model(ModelError::Length {
                what: "visual embeddings",
                found: visual.len(),
                expected: visual.len().next_multiple_of(c.dim),
            }));
        }
        qwen::check(batch, c.vocab, visual.len() / c.dim)?;
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(LoraError::Model(ModelError::Temperature(temperature)));
        }
        let heads = [c.heads, c.kv_heads];
        let context = TextContext::new(batch, heads, c.mrope_section, c.rope_theta);
        let mut x = embed::sums(&embed::sources(batch, c.dim), &base.embed, visual, c.dim);
        let mut inputs = Vec::with_capacity(c.layers);
        for number in 0..c.layers {
            let y = lora.layer(number).forward(&context, &x).y;
            inputs.push(std::mem::replace(&mut x, y));
        }
        let rows: Vec<usize> = batch.target_rows.iter().map(|&row| row as usize).collect();
        let last: Vec<f32> = rows
            .iter()
            .flat_map(|&row| &x[row * c.dim..][..c.dim])
            .copied()
            .collect();
        let mut inverse = vec![0.0; rows.len()];
        let mut normed = vec![0.0; last.len()];
        kernels::rmsnorm(&mut normed, &last, &base.norm, c.eps, Some(&mut inverse));
        let tokens: Vec<usize> = batch
            .target_tokens
            .iter()
            .map(|&token| token as usize)
            .collect();
        let scale = 1.0 / temperature;
        let picked = logp::Picked::new(&normed, base.head(), &tokens, scale, c.vocab);
        Ok(Self {
            lora,
            context,
            inputs,
            rows,
            tokens,
            scale,
            last,
            inverse,
            picked,
        })
    }

    fn backward(mut self, dlogps: &[f32]) -> Vec<f32> {
        let base = &self.lora.base;
        let c = base.config();
        let dlogits = &mut self.picked.probs;
        logp::logit_gradients(dlogits, &self.tokens, dlogps, self.scale);
        let count = self.tokens.len();
        let mut dnormed = vec![0.0; count * c.dim];
        kernels::matmul_nn(
            &mut dnormed,
            dlogits,
            base.head(),
            [count, c.dim, c.vocab],
            0.0,
        );
        let mut dlast = vec![0.0; count * c.dim];
        backward::rms_norm(
            &mut dlast,
            &mut vec![0.0; c.dim],
            &dnormed,
            &self.last,
            &self.inverse,
            &base.norm,
        );
        let mut dx = vec![0.0; self.context.evidence.len() * c.dim];
        for (&row, d) in self.rows.iter().zip(dlast.chunks_exact(c.dim)) {
            kernels::add(&mut dx[row * c.dim..][..c.dim], d);
        }
        let mut grads = vec![0.0; self.lora.parameters.len()];
        let each = Sizes::of(c, self.lora.config.rank).layer();
        for (number, x) in self.inputs.into_iter().enumerate().rev() {
            let layer = self.lora.layer(number);
            let saved = layer.forward(&self.context, &x);
            let own = &mut grads[number * each..][..each];
            dx = layer.backward(&self.context, &x, saved, dx, own);
        }
        grads
    }
}
