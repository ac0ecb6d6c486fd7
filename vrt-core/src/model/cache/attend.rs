//! In: one row's queries and the keys and values of its sequence. Out: its attention.

use pulp::Simd;

use super::super::kernels::{self, Work};
use super::{BLOCK, Cache};

/// See [`Cache::attend`].
pub(super) struct Attend<'a> {
    pub cache: &'a Cache,
    pub layer: usize,
    pub out: &'a mut [f32],
    pub queries: &'a [f32],
    pub mask: &'a [f32],
    pub scores: &'a mut Vec<f32>,
}

impl Work for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // The small models' shape as constants: loops over a head's width come without bounds to check.
        match (self.cache.head_dim, self.cache.kv_heads) {
            (16, 2) => self.shaped(simd, 16, 2),
            (head_dim, kv_heads) => self.shaped(simd, head_dim, kv_heads),
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn shaped<S: Simd>(self, simd: S, head_dim: usize, kv_heads: usize) {
        let Self {
            cache,
            layer,
            out,
            queries,
            mask,
            scores,
        } = self;
        let layer = &cache.layers[layer];
        let shared = queries.len() / kv_heads;
        scores.resize(2 * mask.len(), 0.0);
        let of_key_heads = queries
            .chunks_exact(shared)
            .zip(out.chunks_exact_mut(shared));
        for (kv_head, (queries, out)) in of_key_heads.enumerate() {
            let head = Head {
                keys: &layer.keys[kv_head * head_dim..],
                values: &layer.values[kv_head * head_dim..],
                dim: head_dim,
                stride: kv_heads * head_dim,
            };
            // Query heads that share a key head go in pairs: each key and value is loaded once for both.
            let pairs = queries.chunks_exact(2 * head_dim);
            let alone = pairs.remainder();
            let mut out = out.chunks_exact_mut(2 * head_dim);
            for (queries, out) in pairs.zip(&mut out) {
                head.attend::<2, S>(simd, out, queries, mask, scores);
            }
            if !alone.is_empty() {
                let (scores, _) = scores.split_at_mut(mask.len());
                head.attend::<1, S>(simd, out.into_remainder(), alone, mask, scores);
            }
        }
    }
}

/// One key head's keys and values: those of the next block, or the next position, stand `stride` further.
#[derive(Clone, Copy)]
struct Head<'a> {
    keys: &'a [[f32; BLOCK]],
    values: &'a [f32],
    dim: usize,
    stride: usize,
}

/// Blocks of keys scored side by side: with two heads, as many sums as 16 registers of half a block hold.
const TILE: usize = 3;
/// Values summed side by side: two AVX registers.
const WIDTH: usize = 16;

impl Head<'_> {
    /// Attention of `H` query heads. `scores` is room for as many numbers as `H` masks.
    #[inline(always)]
    fn attend<const H: usize, S: Simd>(
        self,
        simd: S,
        out: &mut [f32],
        queries: &[f32],
        mask: &[f32],
        scores: &mut [f32],
    ) {
        self.score::<H>(scores, queries, mask);
        for scores in scores.chunks_exact_mut(mask.len()) {
            kernels::softmax_total(simd, scores);
        }
        let mut from = 0;
        while from + WIDTH <= self.dim {
            self.weigh::<H>(out, from, scores);
            from += WIDTH;
        }
        if from < self.dim {
            let each = out.chunks_exact_mut(self.dim);
            for (out, scores) in each.zip(scores.chunks_exact(mask.len())) {
                self.weigh_tail(&mut out[from..], from, scores);
            }
        }
    }

    /// `scores[head][position] = mask + q · k`, one chain of sums over the dimensions each.
    #[inline(always)]
    fn score<const H: usize>(self, scores: &mut [f32], queries: &[f32], mask: &[f32]) {
        let blocks = mask.len() / BLOCK;
        let mut first = 0;
        while first < blocks {
            match blocks - first {
                1 => self.score_tile::<H, 1>(scores, queries, mask, first),
                2 => self.score_tile::<H, 2>(scores, queries, mask, first),
                _ => self.score_tile::<H, TILE>(scores, queries, mask, first),
            }
            first += TILE;
        }
    }

    #[inline(always)]
    fn score_tile<const H: usize, const T: usize>(
        self,
        scores: &mut [f32],
        queries: &[f32],
        mask: &[f32],
        first: usize,
    ) {
        let (masks, _) = mask.as_chunks::<BLOCK>();
        let mut acc = [[[0.0f32; BLOCK]; T]; H];
        for acc in &mut acc {
            acc.copy_from_slice(&masks[first..first + T]);
        }
        let mut tiles: [&[[f32; BLOCK]]; T] = [&[]; T];
        for (t, tile) in tiles.iter_mut().enumerate() {
            *tile = &self.keys[(first + t) * self.stride..][..self.dim];
        }
        let mut heads: [&[f32]; H] = [&[]; H];
        for (h, head) in heads.iter_mut().enumerate() {
            *head = &queries[h * self.dim..][..self.dim];
        }
        for i in 0..self.dim {
            for t in 0..T {
                let keys = tiles[t][i];
                for h in 0..H {
                    let q = heads[h][i];
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

    /// `out[head][from..from + 16] = Σ weights[head][j] · values[j·stride + from..]`.
    #[expect(
        clippy::needless_range_loop,
        reason = "all heads are read at one place"
    )]
    #[inline(always)]
    fn weigh<const H: usize>(self, out: &mut [f32], from: usize, weights: &[f32]) {
        let length = weights.len() / H;
        let rows = self.values.len().div_ceil(self.stride).min(length);
        let mut heads: [&[[f32; 2]]; H] = [&[]; H];
        for (h, head) in heads.iter_mut().enumerate() {
            let (pairs, _) = weights[h * length..][..length].as_chunks();
            *head = &pairs[..rows / 2];
        }
        // Two chains of additions a head: one alone would wait for each sum.
        let mut acc = [[[0.0f32; WIDTH]; 2]; H];
        for j in 0..rows / 2 {
            let values = &self.values[2 * j * self.stride + from..][..self.stride + WIDTH];
            let (even, odd) = (lanes(values), lanes(&values[self.stride..]));
            for h in 0..H {
                let [first, second] = heads[h][j];
                acc[h][0] = scaled_sum(first, even, acc[h][0]);
                acc[h][1] = scaled_sum(second, odd, acc[h][1]);
            }
        }
        if rows % 2 == 1 {
            let last = lanes(&self.values[(rows - 1) * self.stride + from..]);
            for h in 0..H {
                acc[h][0] = scaled_sum(weights[h * length + rows - 1], last, acc[h][0]);
            }
        }
        for (h, acc) in acc.into_iter().enumerate() {
            let to = &mut out[h * self.dim + from..][..WIDTH];
            for i in 0..WIDTH {
                to[i] = acc[0][i] + acc[1][i];
            }
        }
    }

    /// The dimensions that do not fill a register.
    fn weigh_tail(self, out: &mut [f32], from: usize, weights: &[f32]) {
        out.fill(0.0);
        for (w, row) in weights.iter().zip(self.values[from..].chunks(self.stride)) {
            for (o, v) in out.iter_mut().zip(row) {
                *o = w.mul_add(*v, *o);
            }
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
