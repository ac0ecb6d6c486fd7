//! In: the keys and values of one sequence as its rows are run. Out: attention over those still visible.
//!
//! Keys stand in blocks of 8 positions with the positions innermost, so that one vector holds 8 scores.

use super::kernels;
use super::weights::DecoderConfig;
use crate::window::MemoryWindow;

/// Positions in a block of keys.
const BLOCK: usize = 8;

/// One sequence's keys and values in all layers, with the tags of its rows.
///
/// `clone` shares a prompt's prefix: it copies the memory, and both go on independently.
#[derive(Clone, Debug)]
pub struct Cache {
    kv_heads: usize,
    head_dim: usize,
    layers: Vec<Layer>,
    evidence: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Layer {
    /// `[block][kv_head][head_dim][position in block]`.
    keys: Vec<[f32; BLOCK]>,
    /// `[position][kv_head][head_dim]`.
    values: Vec<f32>,
}

impl Cache {
    /// An empty cache for a decoder of this shape.
    pub fn new(config: &DecoderConfig) -> Self {
        Self {
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            layers: vec![Layer::default(); config.layers],
            evidence: Vec::new(),
        }
    }

    /// Number of rows held.
    pub fn len(&self) -> usize {
        self.evidence.len()
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

    /// Drops the rows that no row of `round` or later can see; returns how many.
    ///
    /// Rounds only grow and the window only closes, so nothing that is dropped could be asked for again.
    pub fn evict(&mut self, window: MemoryWindow, round: u8) -> usize {
        let before = self.len();
        let (width, block) = (self.kv_heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut kept = 0;
        for row in 0..before {
            if !window.shows(self.evidence[row], round) {
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

    /// Fills `mask` for a query in `round` that stands at the end of the first `rows` rows: 0 where it
    /// sees, −∞ where it does not, padded with −∞ to whole blocks.
    pub(super) fn mask(&self, mask: &mut Vec<f32>, rows: usize, round: u8, window: MemoryWindow) {
        mask.clear();
        mask.extend(self.evidence[..rows].iter().map(|evidence| {
            if window.shows(*evidence, round) {
                0.0
            } else {
                f32::NEG_INFINITY
            }
        }));
        mask.resize(rows.next_multiple_of(BLOCK), f32::NEG_INFINITY);
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
        let d = self.head_dim;
        let layer = &self.layers[layer];
        let group = queries.len() / (d * self.kv_heads);
        scores.resize(mask.len(), 0.0);
        for (head, (q, out)) in queries
            .chunks_exact(d)
            .zip(out.chunks_exact_mut(d))
            .enumerate()
        {
            let kv_head = head / group;
            let blocks = layer.keys.chunks_exact(self.kv_heads * d);
            let (score_blocks, _) = scores.as_chunks_mut::<BLOCK>();
            let (mask_blocks, _) = mask.as_chunks::<BLOCK>();
            for ((score, mask), block) in score_blocks.iter_mut().zip(mask_blocks).zip(blocks) {
                let mut acc = *mask;
                for (q, k) in q.iter().zip(&block[kv_head * d..][..d]) {
                    for i in 0..BLOCK {
                        acc[i] = q.mul_add(k[i], acc[i]);
                    }
                }
                *score = acc;
            }
            kernels::softmax(scores);
            weigh(out, scores, &layer.values[kv_head * d..], self.kv_heads * d);
        }
    }
}

/// `out = Σ weights[j] · values[j·stride..]`.
#[inline]
fn weigh(out: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    const WIDTH: usize = 16;
    let d = out.len();
    let (chunks, tail) = out.as_chunks_mut::<WIDTH>();
    for (c, out) in chunks.iter_mut().enumerate() {
        // Two chains of additions: one alone would wait for each sum.
        let mut acc = [[0.0f32; WIDTH]; 2];
        for (pair, rows) in weights.chunks(2).zip(values.chunks(2 * stride)) {
            for ((acc, w), row) in acc.iter_mut().zip(pair).zip(rows.chunks(stride)) {
                let v = &row[c * WIDTH..][..WIDTH];
                for i in 0..WIDTH {
                    acc[i] = w.mul_add(v[i], acc[i]);
                }
            }
        }
        for i in 0..WIDTH {
            out[i] = acc[0][i] + acc[1][i];
        }
    }
    let from = d - tail.len();
    tail.fill(0.0);
    if !tail.is_empty() {
        for (w, row) in weights.iter().zip(values.chunks(stride)) {
            for (o, v) in tail.iter_mut().zip(&row[from..]) {
                *o = w.mul_add(*v, *o);
            }
        }
    }
}
