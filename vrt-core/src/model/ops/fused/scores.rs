//! Attention inside short segments: scores, softmax, weighted values, and back.
//!
//! The query heads that share a key head are stacked, so that one product serves them all.

use crate::model::attention::TextContext;
use crate::model::kernels::{dot, matmul_nn, matmul_nt, matmul_tn, softmax};
use crate::window::MemoryWindow;

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
    Memory {
        evidence: Vec<u8>,
        round: Vec<u8>,
        window: MemoryWindow,
    },
}

impl Mask {
    /// The mask of the decoder.
    pub fn of(context: &TextContext) -> Self {
        Self::Memory {
            evidence: context.evidence.clone(),
            round: context.round.clone(),
            window: context.window,
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

/// Room for one segment and key head.
#[derive(Default)]
struct Room {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    out: Vec<f32>,
    scores: Vec<f32>,
}

impl Segments {
    fn bounds(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.starts.windows(2).map(|pair| (pair[0], pair[1]))
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
        let weights = self.bounds().map(|(a, b)| (b - a).pow(2) * query).sum();
        let mut probs = vec![0.0; weights];
        let mut rest = probs.as_mut_slice();
        let mut room = Room::default();
        let mut hidden = Vec::new();
        for (start, end) in self.bounds() {
            let len = end - start;
            self.hidden(start, len, &mut hidden);
            for head in 0..key {
                let (own, tail) = rest.split_at_mut(shared * len * len);
                rest = tail;
                self.pack(qkv, head, (start, end), &mut room);
                matmul_nt(own, &room.q, &room.k, [shared * len, len, dim], 0.0);
                for (at, row) in own.chunks_exact_mut(len).enumerate() {
                    self.normalise(at % len, row, &hidden);
                }
                room.out.resize(shared * len * dim, 0.0);
                matmul_nn(&mut room.out, own, &room.v, [shared * len, dim, len], 0.0);
                let first = head * shared;
                for (at, row) in room.out.chunks_exact(dim).enumerate() {
                    let to = (start + at % len) * query * dim + (first + at / len) * dim;
                    attended[to..to + dim].copy_from_slice(row);
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
        for (start, end) in self.bounds() {
            let len = end - start;
            for head in 0..key {
                let (own, tail) = rest.split_at_mut(shared * len * len);
                rest = tail;
                self.pack(qkv, head, (start, end), &mut room);
                let first = head * shared;
                room.out.clear();
                for at in 0..shared * len {
                    let from = (start + at % len) * query * dim + (first + at / len) * dim;
                    room.out.extend_from_slice(&dattended[from..from + dim]);
                }
                let stacked = shared * len;
                drow.v.resize(len * dim, 0.0);
                matmul_tn(&mut drow.v, own, &room.out, [len, dim, stacked], 0.0);
                drow.scores.resize(stacked * len, 0.0);
                matmul_nt(
                    &mut drow.scores,
                    &room.out,
                    &room.v,
                    [stacked, len, dim],
                    0.0,
                );
                for (p, dp) in own.chunks_exact_mut(len).zip(drow.scores.chunks_exact(len)) {
                    let along = dot(p, dp);
                    for (p, dp) in p.iter_mut().zip(dp) {
                        *p *= dp - along;
                    }
                }
                drow.q.resize(stacked * dim, 0.0);
                drow.k.resize(len * dim, 0.0);
                matmul_nn(&mut drow.q, own, &room.k, [stacked, dim, len], 0.0);
                matmul_tn(&mut drow.k, own, &room.q, [len, dim, stacked], 0.0);
                for (at, row) in drow.q.chunks_exact(dim).enumerate() {
                    let to = (start + at % len) * width + (first + at / len) * dim;
                    dqkv[to..to + dim].copy_from_slice(row);
                }
                for (at, (k, v)) in drow
                    .k
                    .chunks_exact(dim)
                    .zip(drow.v.chunks_exact(dim))
                    .enumerate()
                {
                    let to = (start + at) * width + (query + head) * dim;
                    dqkv[to..to + dim].copy_from_slice(k);
                    let to = to + key * dim;
                    dqkv[to..to + dim].copy_from_slice(v);
                }
            }
        }
        dqkv
    }

    fn pack(&self, qkv: &[f32], head: usize, (start, end): (usize, usize), room: &mut Room) {
        let Heads { query, key, dim } = self.heads;
        let rows = || {
            qkv[start * self.heads.width()..end * self.heads.width()]
                .chunks_exact(self.heads.width())
        };
        room.q.clear();
        room.k.clear();
        room.v.clear();
        for member in head * self.shared()..(head + 1) * self.shared() {
            for row in rows() {
                room.q.extend_from_slice(&row[member * dim..][..dim]);
            }
        }
        for row in rows() {
            room.k
                .extend_from_slice(&row[(query + head) * dim..][..dim]);
            room.v
                .extend_from_slice(&row[(query + key + head) * dim..][..dim]);
        }
    }

    /// Pairs `(query, key)` of a segment that the memory window hides, queries ascending.
    fn hidden(&self, start: usize, len: usize, hidden: &mut Vec<(usize, usize)>) {
        hidden.clear();
        let Mask::Memory {
            evidence,
            round,
            window,
        } = &self.mask
        else {
            return;
        };
        let evidence = &evidence[start..start + len];
        if evidence.iter().all(|&tag| tag == 0) {
            return;
        }
        for (query, &round) in round[start..start + len].iter().enumerate() {
            for (key, &tag) in evidence[..=query].iter().enumerate() {
                if !window.shows(tag, round) {
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
