//! In: positions. Out: rotary tables, and who may look at whom.

use dfdx::prelude::*;

use super::kernels;
use super::params::{Init, weights};
use crate::sequence::Packed;
use crate::window::visible;

/// Cosines and sines by which the halves of a head's dimensions are rotated, `rows × half` each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Half a head's dimensions.
    pub half: usize,
    /// `cos[row · half + i]` turns dimensions `i` and `i + half`.
    pub cos: Vec<f32>,
    /// The sines.
    pub sin: Vec<f32>,
}

impl Rotary {
    /// Multimodal rotary positions of the decoder: the first `sections[0]` frequencies turn with the
    /// temporal position, the next with height, the last with width.
    pub fn multimodal(positions: &[[u32; 3]], sections: [usize; 3], theta: f32) -> Self {
        let half: usize = sections.iter().sum();
        let mut table = kernels::Rotary::new(2 * half, theta, sections);
        let mut cos = vec![0.0; positions.len() * half];
        let mut sin = cos.clone();
        let rows = cos.chunks_exact_mut(half).zip(sin.chunks_exact_mut(half));
        for ((cos, sin), position) in rows.zip(positions) {
            table.write(*position, cos, sin);
        }
        Self { half, cos, sin }
    }

    /// Planar rotary positions of the vision tower: the first half of the frequencies turn with the
    /// row of the patch, the second half with its column; base 10000.
    pub fn planar(places: &[[u32; 2]], head_dim: usize) -> Self {
        let quarter = head_dim / 4;
        let frequencies: Vec<f64> = (0..quarter)
            .map(|i| 10_000f64.powf(-(i as f64) / quarter as f64))
            .collect();
        let end = places.iter().flatten().max().map_or(0, |&last| last + 1);
        let table: Vec<(f32, f32)> = (0..end)
            .flat_map(|at| {
                frequencies
                    .iter()
                    .map(move |f| (f64::from(at) * f).sin_cos())
            })
            .map(|(sin, cos)| (sin as f32, cos as f32))
            .collect();
        let (sin, cos) = places
            .iter()
            .flatten()
            .flat_map(|&at| &table[at as usize * quarter..][..quarter])
            .copied()
            .unzip();
        Self {
            half: 2 * quarter,
            cos,
            sin,
        }
    }
}

/// The context of attention in the decoder: one for all layers of a batch.
#[derive(Clone, Debug)]
pub struct TextContext {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Rotary tables of the packed rows.
    pub rotary: Rotary,
    /// See [`Packed::starts`].
    pub starts: Vec<u32>,
    /// See [`Packed::evidence`].
    pub evidence: Vec<u8>,
    /// See [`Packed::oldest`].
    pub oldest: Vec<u8>,
}

impl TextContext {
    /// The context of a batch.
    pub fn new(
        batch: &Packed,
        [heads, kv_heads]: [usize; 2],
        sections: [usize; 3],
        theta: f32,
    ) -> Self {
        Self {
            heads,
            kv_heads,
            rotary: Rotary::multimodal(&batch.positions, sections, theta),
            starts: batch.starts.clone(),
            evidence: batch.evidence.clone(),
            oldest: batch.oldest.clone(),
        }
    }

    /// Whether row `query` sees row `key` of the same sequence: causal, and the evidence still shown.
    pub fn sees(&self, query: usize, key: usize) -> bool {
        key <= query && visible(self.evidence[key], self.oldest[query])
    }
}

weights! {
    /// Grouped-query attention: `x + o_proj(attention(q, k, v of norm(x)))`.
    /// `Q` is heads · head dimensions, `KV` the same over key-value heads.
    TextAttention<D, Q, KV> {
        /// Gain of the normalisation before it.
        norm: Rank1<D> = "input_layernorm.weight", Init::Ones;
        /// Query map.
        q: Rank2<Q, D> = "self_attn.q_proj.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        q_bias: Rank1<Q> = "self_attn.q_proj.bias", Init::Zeros;
        /// Key map.
        k: Rank2<KV, D> = "self_attn.k_proj.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        k_bias: Rank1<KV> = "self_attn.k_proj.bias", Init::Zeros;
        /// Value map.
        v: Rank2<KV, D> = "self_attn.v_proj.weight", Init::Normal { gain: 1.0 };
        /// Its bias.
        v_bias: Rank1<KV> = "self_attn.v_proj.bias", Init::Zeros;
        /// Output map, no bias.
        o: Rank2<D, Q> = "self_attn.o_proj.weight", Init::Normal { gain: 0.4 };
    }
}
