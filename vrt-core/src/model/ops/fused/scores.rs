//! Attention inside short segments: scores, softmax, weighted values, and back.
//!
//! The query heads that share a key head are stacked, so that one product serves them all. Under a causal
//! mask queries go in tiles, and a tile is multiplied only with the keys up to its last query.

use crate::model::attention::TextContext;
use crate::model::kernels::{dot, matmul_nn, matmul_nt, matmul_tn, softmax};
use crate::window::visible;

/// How a row `[q | k | v]` is cut.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads.
    pub key: usize,
    /// Dimensions of a head.
    pub dim: usize,
}

impl Heads {
    /// Length of a row.
    pub fn width(self) -> usize {
        (self.query + 2 * self.key) * self.dim
    }
}

/// Who sees whom inside a segment.
pub enum Mask {
    /// All see all.
    Open,
    /// Causal, with evidence hidden by the memory window.
    Memory { evidence: Vec<u8>, oldest: Vec<u8> },
}

impl Mask {
    /// The mask of the decoder.
    pub fn of(context: &TextContext) -> Self {
        Self::Memory {
            evidence: context.evidence.clone(),
            oldest: context.oldest.clone(),
        }
    }
}

/// Consecutive rows that attend to each other.
pub struct Segments {
    /// Cut of a row.
    pub heads: Heads,
    /// `starts[s]..starts[s + 1]` are the rows of segment `s`.
    pub starts: Vec<usize>,
    /// Who sees whom.
    pub mask: Mask,
}

/// Queries of one head that are scored together under a causal mask: keys after the last of them are left out.
const TILE: usize = 64;

/// Room for one segment and key head.
#[derive(Default)]
struct Room {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    out: Vec<f32>,
}

/// Queries `from..to` of a segment over its keys `0..keys`.
#[derive(Clone, Copy)]
struct Tile {
    from: usize,
    to: usize,
    keys: usize,
}

impl Tile {
    fn queries(self) -> usize {
        self.to - self.from
    }
}

impl Segments {
    fn bounds(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.starts.windows(2).map(|pair| (pair[0], pair[1]))
    }

    fn tiles(&self, len: usize) -> impl Iterator<Item = Tile> + use<> {
        let causal = !matches!(self.mask, Mask::Open);
        let step = if causal { TILE } else { len.max(1) };
        (0..len).step_by(step).map(move |from| {
            let to = (from + step).min(len);
            Tile { from, to, keys: to }
        })
    }

    fn shared(&self) -> usize {
        self.heads.query / self.heads.key
    }

    /// Attention of turned and scaled rows `[q | k | v]`: outputs `rows × (query · dim)`, and the
    /// attention weights, segment by segment, for the backward.
    pub fn forward(&self, qkv: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let Heads { query, key, dim } = self.heads;
        let shared = self.shared();
        let rows = qkv.len() / self.heads.width();
        let mut attended = vec![0.0; rows * query * dim];
        let lengths = self.bounds().map(|(start, end)| end - start);
        let pairs: usize = lengths
            .flat_map(|len| self.tiles(len))
            .map(|tile| tile.queries() * tile.keys)
            .sum();
        let mut probs = vec![0.0; pairs * query];
        let mut rest = probs.as_mut_slice();
        let mut room = Room::default();
        let mut hidden = Vec::new();
        for (start, end) in self.bounds() {
            self.hidden(start, end - start, &mut hidden);
            for head in 0..key {
                self.pack(qkv, head, (start, end), &mut room);
                for tile in self.tiles(end - start) {
                    let (stacked, keys) = (shared * tile.queries(), tile.keys);
                    let (own, tail) = rest.split_at_mut(stacked * keys);
                    rest = tail;
                    let q = &room.q[shared * tile.from * dim..][..stacked * dim];
                    let (k, v) = (&room.k[..keys * dim], &room.v[..keys * dim]);
                    matmul_nt(own, q, k, [stacked, keys, dim], 0.0);
                    for (at, row) in own.chunks_exact_mut(keys).enumerate() {
                        self.normalise(tile.from + at % tile.queries(), row, &hidden);
                    }
                    room.out.resize(stacked * dim, 0.0);
                    matmul_nn(&mut room.out, own, v, [stacked, dim, keys], 0.0);
                    for (at, row) in room.out.chunks_exact(dim).enumerate() {
                        let to = self.place(head, start, tile, at, query * dim);
                        attended[to..to + dim].copy_from_slice(row);
                    }
                }
            }
        }
        (attended, probs)
    }

    /// Gradient of turned and scaled rows `[q | k | v]`.
    pub fn backward(&self, qkv: &[f32], mut probs: Vec<f32>, dattended: &[f32]) -> Vec<f32> {
        let Heads { query, key, dim } = self.heads;
        let shared = self.shared();
        let width = self.heads.width();
        let mut dqkv = vec![0.0; qkv.len()];
        let mut rest = probs.as_mut_slice();
        let mut room = Room::default();
        let mut drow = Room::default();
        let mut dprobs = Vec::new();
        for (start, end) in self.bounds() {
            let len = end - start;
            for head in 0..key {
                self.pack(qkv, head, (start, end), &mut room);
                drow.k.clear();
                drow.k.resize(len * dim, 0.0);
                drow.v.clear();
                drow.v.resize(len * dim, 0.0);
                for tile in self.tiles(len) {
                    let (stacked, keys) = (shared * tile.queries(), tile.keys);
                    let (own, tail) = rest.split_at_mut(stacked * keys);
                    rest = tail;
                    let q = &room.q[shared * tile.from * dim..][..stacked * dim];
                    let (k, v) = (&room.k[..keys * dim], &room.v[..keys * dim]);
                    let (dk, dv) = (&mut drow.k[..keys * dim], &mut drow.v[..keys * dim]);
                    room.out.clear();
                    for at in 0..stacked {
                        let from = self.place(head, start, tile, at, query * dim);
                        room.out.extend_from_slice(&dattended[from..from + dim]);
                    }
                    matmul_tn(dv, own, &room.out, [keys, dim, stacked], 1.0);
                    dprobs.resize(stacked * keys, 0.0);
                    matmul_nt(&mut dprobs, &room.out, v, [stacked, keys, dim], 0.0);
                    let pairs = own.chunks_exact_mut(keys).zip(dprobs.chunks_exact(keys));
                    for (p, dp) in pairs {
                        let along = dot(p, dp);
                        for (p, dp) in p.iter_mut().zip(dp) {
                            *p *= dp - along;
                        }
                    }
                    drow.q.resize(stacked * dim, 0.0);
                    matmul_nn(&mut drow.q, own, k, [stacked, dim, keys], 0.0);
                    matmul_tn(dk, own, q, [keys, dim, stacked], 1.0);
                    for (at, row) in drow.q.chunks_exact(dim).enumerate() {
                        let to = self.place(head, start, tile, at, width);
                        dqkv[to..to + dim].copy_from_slice(row);
                    }
                }
                let rows = drow.k.chunks_exact(dim).zip(drow.v.chunks_exact(dim));
                for (at, (k, v)) in rows.enumerate() {
                    let to = (start + at) * width + (query + head) * dim;
                    dqkv[to..to + dim].copy_from_slice(k);
                    let to = to + key * dim;
                    dqkv[to..to + dim].copy_from_slice(v);
                }
            }
        }
        dqkv
    }

    /// Where the `at`-th query of a tile stands in packed rows of this width: the heads that share a key
    /// head come one after the other.
    fn place(&self, head: usize, start: usize, tile: Tile, at: usize, width: usize) -> usize {
        let member = head * self.shared() + at / tile.queries();
        (start + tile.from + at % tile.queries()) * width + member * self.heads.dim
    }

    /// Queries tile by tile, heads that share the key head one after the other; keys; values.
    fn pack(&self, qkv: &[f32], head: usize, (start, end): (usize, usize), room: &mut Room) {
        let Heads { query, key, dim } = self.heads;
        let width = self.heads.width();
        let rows = |from: usize, to: usize| {
            qkv[(start + from) * width..(start + to) * width].chunks_exact(width)
        };
        room.q.clear();
        room.k.clear();
        room.v.clear();
        for tile in self.tiles(end - start) {
            for member in head * self.shared()..(head + 1) * self.shared() {
                for row in rows(tile.from, tile.to) {
                    room.q.extend_from_slice(&row[member * dim..][..dim]);
                }
            }
        }
        for row in rows(0, end - start) {
            room.k
                .extend_from_slice(&row[(query + head) * dim..][..dim]);
            room.v
                .extend_from_slice(&row[(query + key + head) * dim..][..dim]);
        }
    }

    /// Pairs `(query, key)` of a segment that the memory window hides, queries ascending.
    fn hidden(&self, start: usize, len: usize, hidden: &mut Vec<(usize, usize)>) {
        hidden.clear();
        let Mask::Memory { evidence, oldest } = &self.mask else {
            return;
        };
        let evidence = &evidence[start..start + len];
        if evidence.iter().all(|&tag| tag == 0) {
            return;
        }
        for (query, &oldest) in oldest[start..start + len].iter().enumerate() {
            for (key, &tag) in evidence[..=query].iter().enumerate() {
                if !visible(tag, oldest) {
                    hidden.push((query, key));
                }
            }
        }
    }

    fn normalise(&self, query: usize, row: &mut [f32], hidden: &[(usize, usize)]) {
        if matches!(self.mask, Mask::Open) {
            softmax(row);
            return;
        }
        let (past, future) = row.split_at_mut(query + 1);
        let from = hidden.partition_point(|pair| pair.0 < query);
        for &(_, key) in hidden[from..].iter().take_while(|pair| pair.0 == query) {
            past[key] = f32::NEG_INFINITY;
        }
        softmax(past);
        future.fill(0.0);
    }
}
