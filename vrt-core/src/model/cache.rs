//! In: the keys and values of one sequence as its rows are run. Out: attention over those still visible.
//!
//! Keys stand in blocks of 16 positions with the positions innermost, so that one vector holds as many scores.

use super::kernels::{self, Work, wide};
use super::weights::DecoderConfig;
use crate::window::visible;

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

    /// Fills `mask` for a query that stands at the end of the first `rows` rows and sees outcomes from `oldest` on: 0
    /// where it sees, −∞ where it does not, padded with −∞ to whole blocks.
    pub(super) fn mask(&self, mask: &mut Vec<f32>, rows: usize, oldest: u8) {
        mask.clear();
        mask.extend(self.evidence[..rows].iter().map(|evidence| {
            if visible(*evidence, oldest) {
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
        wide(Attend {
            cache: self,
            layer,
            out,
            queries,
            mask,
            scores,
        });
    }

    /// Attention of `H` query heads over one key head.
    #[inline(always)]
    fn heads<const H: usize>(
        &self,
        layer: usize,
        kv_head: usize,
        out: &mut [f32],
        queries: &[f32],
        mask: &[f32],
        scores: &mut Vec<f32>,
    ) {
        let d = self.head_dim;
        let layer = &self.layers[layer];
        let length = mask.len();
        scores.resize(H * length, 0.0);
        score::<H>(
            scores,
            queries,
            &layer.keys[kv_head * d..],
            self.kv_heads * d,
            mask,
        );
        for scores in scores.chunks_exact_mut(length) {
            kernels::softmax_total(scores);
        }
        let stride = self.kv_heads * d;
        let values = &layer.values[kv_head * d..];
        let mut from = 0;
        while from + WIDTH <= d {
            weigh::<H>(out, d, from, scores, values, stride);
            from += WIDTH;
        }
        if from < d {
            for (out, scores) in out.chunks_exact_mut(d).zip(scores.chunks_exact(length)) {
                weigh_tail(&mut out[from..], scores, &values[from..], stride);
            }
        }
    }
}

/// See [`Cache::attend`].
struct Attend<'a> {
    cache: &'a Cache,
    layer: usize,
    out: &'a mut [f32],
    queries: &'a [f32],
    mask: &'a [f32],
    scores: &'a mut Vec<f32>,
}

impl Work for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            cache,
            layer,
            out,
            queries,
            mask,
            scores,
        } = self;
        let d = cache.head_dim;
        let group = queries.len() / (d * cache.kv_heads);
        let mut heads = queries
            .chunks_exact(group * d)
            .zip(out.chunks_exact_mut(group * d));
        for kv_head in 0..cache.kv_heads {
            let Some((queries, out)) = heads.next() else {
                return;
            };
            // Query heads that share a key head go in pairs: each key and value is loaded once for both.
            let pairs = queries.chunks(2 * d).zip(out.chunks_mut(2 * d));
            for (queries, out) in pairs {
                if queries.len() == 2 * d {
                    cache.heads::<2>(layer, kv_head, out, queries, mask, scores);
                } else {
                    cache.heads::<1>(layer, kv_head, out, queries, mask, scores);
                }
            }
        }
    }
}

/// Blocks of keys scored side by side: with two heads, as many sums as 16 registers of half a block hold.
const TILE: usize = 3;

/// `scores[head][position] = mask + q · k`, one chain of sums over the dimensions each.
#[inline(always)]
fn score<const H: usize>(
    scores: &mut [f32],
    queries: &[f32],
    keys: &[[f32; BLOCK]],
    stride: usize,
    mask: &[f32],
) {
    let blocks = mask.len() / BLOCK;
    let mut first = 0;
    while first < blocks {
        let keys = &keys[first * stride..];
        match blocks - first {
            1 => score_tile::<H, 1>(scores, queries, keys, stride, mask, first),
            2 => score_tile::<H, 2>(scores, queries, keys, stride, mask, first),
            _ => score_tile::<H, TILE>(scores, queries, keys, stride, mask, first),
        }
        first += TILE;
    }
}

#[inline(always)]
fn score_tile<const H: usize, const T: usize>(
    scores: &mut [f32],
    queries: &[f32],
    keys: &[[f32; BLOCK]],
    stride: usize,
    mask: &[f32],
    first: usize,
) {
    let d = queries.len() / H;
    let (masks, _) = mask.as_chunks::<BLOCK>();
    let mut acc = [[[0.0f32; BLOCK]; T]; H];
    for acc in &mut acc {
        acc.copy_from_slice(&masks[first..first + T]);
    }
    let mut tiles: [&[[f32; BLOCK]]; T] = [&[]; T];
    for (t, tile) in tiles.iter_mut().enumerate() {
        *tile = &keys[t * stride..][..d];
    }
    for i in 0..d {
        for t in 0..T {
            let keys = tiles[t][i];
            for h in 0..H {
                let q = queries[h * d + i];
                for p in 0..BLOCK {
                    acc[h][t][p] = q.mul_add(keys[p], acc[h][t][p]);
                }
            }
        }
    }
    for (scores, acc) in scores.chunks_exact_mut(mask.len()).zip(acc) {
        scores[first * BLOCK..][..T * BLOCK].copy_from_slice(acc.as_flattened());
    }
}

/// Values summed side by side: two AVX registers.
const WIDTH: usize = 16;

/// `out[head][from..from + 16] = Σ weights[head][j] · values[j·stride + from..]`.
#[inline(always)]
fn weigh<const H: usize>(
    out: &mut [f32],
    d: usize,
    from: usize,
    weights: &[f32],
    values: &[f32],
    stride: usize,
) {
    let length = weights.len() / H;
    let rows = values.len().div_ceil(stride).min(length);
    // Two chains of additions a head: one alone would wait for each sum.
    let mut acc = [[[0.0f32; WIDTH]; 2]; H];
    let mut j = 0;
    while j + 2 <= rows {
        let even = lanes(&values[j * stride + from..]);
        let odd = lanes(&values[(j + 1) * stride + from..]);
        for h in 0..H {
            acc[h][0] = scaled_sum(weights[h * length + j], even, acc[h][0]);
            acc[h][1] = scaled_sum(weights[h * length + j + 1], odd, acc[h][1]);
        }
        j += 2;
    }
    if j < rows {
        let last = lanes(&values[j * stride + from..]);
        for h in 0..H {
            acc[h][0] = scaled_sum(weights[h * length + j], last, acc[h][0]);
        }
    }
    for (h, acc) in acc.into_iter().enumerate() {
        let to = &mut out[h * d + from..][..WIDTH];
        for i in 0..WIDTH {
            to[i] = acc[0][i] + acc[1][i];
        }
    }
}

/// The first numbers of a slice, in registers.
#[inline(always)]
fn lanes(x: &[f32]) -> [f32; WIDTH] {
    let mut lanes = [0.0; WIDTH];
    lanes.copy_from_slice(&x[..WIDTH]);
    lanes
}

/// `sum + w · v`: arrays in and out, so that the sums stay in registers.
#[inline(always)]
fn scaled_sum(w: f32, v: [f32; WIDTH], mut sum: [f32; WIDTH]) -> [f32; WIDTH] {
    for i in 0..WIDTH {
        sum[i] = w.mul_add(v[i], sum[i]);
    }
    sum
}

/// The dimensions that do not fill a register.
fn weigh_tail(out: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    out.fill(0.0);
    for (w, row) in weights.iter().zip(values.chunks(stride)) {
        for (o, v) in out.iter_mut().zip(row) {
            *o = w.mul_add(*v, *o);
        }
    }
}
