//! In: the keys and values of one sequence as its rows are run. Out: attention over those still visible.
//!
//! Keys stand in blocks of 16 positions with the positions innermost, so that one vector holds as many scores.

mod attend;

use super::kernels::wide;
use super::weights::DecoderConfig;
use crate::window::visible;
use attend::Attend;

/// Positions in a block of keys.
const BLOCK: usize = 16;

/// One sequence's keys and values in all layers, with the tags of its rows.
///
/// `clone` shares a prompt's prefix: it copies the memory, and both go on independently.
#[derive(Clone, Debug)]
pub struct Cache {
    kv_heads: usize,
    head_dim: usize,
    layers: Vec<Layer>,
    evidence: Vec<u8>,
    /// The most rows that were ever held.
    most: usize,
}

#[derive(Debug, Default)]
struct Layer {
    /// `[block][kv_head][head_dim][position in block]`.
    keys: Vec<[f32; BLOCK]>,
    /// `[position][kv_head][head_dim]`.
    values: Vec<f32>,
}

impl Clone for Layer {
    /// With room to grow by as much again: a copy goes on at once, and would otherwise move with its first row.
    fn clone(&self) -> Self {
        let mut keys = Vec::with_capacity(2 * self.keys.len());
        keys.extend_from_slice(&self.keys);
        let mut values = Vec::with_capacity(2 * self.values.len());
        values.extend_from_slice(&self.values);
        Self { keys, values }
    }
}

impl Cache {
    /// An empty cache for a decoder of this shape.
    pub fn new(config: &DecoderConfig) -> Self {
        Self {
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            layers: vec![Layer::default(); config.layers],
            evidence: Vec::new(),
            most: 0,
        }
    }

    /// Number of rows held.
    pub fn len(&self) -> usize {
        self.evidence.len()
    }

    /// The most rows that were held at any time, before what was forgotten was dropped.
    pub fn most_rows(&self) -> usize {
        self.most
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty()
    }

    /// Bytes of keys and values of the rows held, the last block's padding included.
    pub fn bytes(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| size_of_val(&layer.keys[..]) + size_of_val(&layer.values[..]))
            .sum()
    }

    /// Drops the rows of outcomes before `oldest`; returns how many.
    ///
    /// `oldest` never falls in a sequence, so nothing that is dropped could be asked for again.
    pub fn evict(&mut self, oldest: u8) -> usize {
        let before = self.len();
        let (width, block) = (self.kv_heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut kept = 0;
        for row in 0..before {
            if !visible(self.evidence[row], oldest) {
                continue;
            }
            if kept < row {
                self.evidence[kept] = self.evidence[row];
                for layer in &mut self.layers {
                    layer
                        .values
                        .copy_within(row * width..(row + 1) * width, kept * width);
                    for i in 0..block {
                        layer.keys[kept / BLOCK * block + i][kept % BLOCK] =
                            layer.keys[row / BLOCK * block + i][row % BLOCK];
                    }
                }
            }
            kept += 1;
        }
        self.evidence.truncate(kept);
        for layer in &mut self.layers {
            layer.values.truncate(kept * width);
            layer.keys.truncate(kept.div_ceil(BLOCK) * block);
        }
        before - kept
    }

    pub(super) fn fits(&self, config: &DecoderConfig) -> bool {
        self.kv_heads == config.kv_heads
            && self.head_dim == config.head_dim
            && self.layers.len() == config.layers
    }

    /// Announces rows; their keys and values must follow in every layer.
    pub(super) fn tag(&mut self, evidence: impl Iterator<Item = u8>) {
        self.evidence.extend(evidence);
        self.most = self.most.max(self.evidence.len());
    }

    /// Appends the next row's key (already turned) and value `[kv_head][head_dim]` to one layer.
    pub(super) fn push(&mut self, layer: usize, key: &[f32], value: &[f32]) {
        let layer = &mut self.layers[layer];
        let row = layer.values.len() / key.len();
        if row.is_multiple_of(BLOCK) {
            layer
                .keys
                .resize(layer.keys.len() + key.len(), [0.0; BLOCK]);
        }
        let block = &mut layer.keys[row / BLOCK * key.len()..];
        for (slot, k) in block.iter_mut().zip(key) {
            slot[row % BLOCK] = *k;
        }
        layer.values.extend_from_slice(value);
    }

    /// Numbers in the mask of a query that stands at the end of the first `rows` rows.
    pub(super) fn mask_length(rows: usize) -> usize {
        rows.next_multiple_of(BLOCK)
    }

    /// Appends the mask of a query that stands at the end of the first `rows` rows and sees outcomes from `oldest` on: 0
    /// where it sees, −∞ where it does not, padded with −∞ to whole blocks.
    pub(super) fn mask(&self, masks: &mut Vec<f32>, rows: usize, oldest: u8) {
        let whole = masks.len() + Self::mask_length(rows);
        masks.extend(self.evidence[..rows].iter().map(|evidence| {
            if visible(*evidence, oldest) {
                0.0
            } else {
                f32::NEG_INFINITY
            }
        }));
        masks.resize(whole, f32::NEG_INFINITY);
    }

    /// One row's attention in one layer: `out[heads × head_dim]` from its turned and scaled queries.
    ///
    /// `mask` is from [`Cache::mask`]; `scores` is room. A row that sees nothing gets zeros.
    pub(super) fn attend(
        &self,
        layer: usize,
        out: &mut [f32],
        queries: &[f32],
        mask: &[f32],
        scores: &mut Vec<f32>,
    ) {
        wide(Attend {
            cache: self,
            layer,
            out,
            queries,
            mask,
            scores,
        });
    }
}
