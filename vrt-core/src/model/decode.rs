//! In: new rows of several sequences. Out: the logits after each sequence's last row.
//!
//! Prefill, one sampled token and a tool's outcome are the same call with different numbers of rows. There
//! is no tape; keys and values stay in each sequence's [`Cache`]. A sequence's logits do not depend, not in
//! a bit, on the other sequences of the call, on their order, or on how its rows were split into calls.

use std::sync::Arc;

use super::kernels::{self, Rotary};
use super::panels::Start;
use super::weights::DecoderWeights;

pub use super::cache::Cache;

/// Rotary positions lie below this, so that a wrong one cannot ask for an endless table.
pub const POSITIONS: u32 = 1 << 20;

/// What stands at a new row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feed<'a> {
    /// A text piece, by its id in the vocabulary.
    Text(u32),
    /// An embedding from the vision tower, as wide as the residual stream.
    Visual(&'a [f32]),
    /// The same with the embedding of the frame's name added.
    Named(u32, &'a [f32]),
}

/// One row to append to a sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewRow<'a> {
    /// What stands here.
    pub feed: Feed<'a>,
    /// Rotary position `[temporal, height, width]`, below [`POSITIONS`].
    pub position: [u32; 3],
    /// 0 for text and initial frames, `c` for a position of the c-th outcome.
    pub evidence: u8,
    /// The oldest outcome that is visible from here.
    pub oldest: u8,
}

/// A row that the engine cannot run. No cache was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is nothing to predict from.
    #[error("sequence {item} of the batch has no new row: leave it out of the call")]
    NoRows {
        /// Its place in the batch.
        item: usize,
    },
    /// The cache belongs to a decoder of another shape.
    #[error(
        "the cache of sequence {item} was made for another decoder: make it from this engine's config"
    )]
    ForeignCache {
        /// Its place in the batch.
        item: usize,
    },
    /// The vocabulary has no such piece.
    #[error("sequence {item}, new row {row}: token {token} is beyond the vocabulary of {vocab}")]
    Token {
        /// Its place in the batch.
        item: usize,
        /// Its place among the new rows.
        row: usize,
        /// The id that was fed.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// The visual embedding is not as wide as the residual stream.
    #[error(
        "sequence {item}, new row {row}: the visual embedding holds {found} values, the decoder takes {dim}"
    )]
    Visual {
        /// Its place in the batch.
        item: usize,
        /// Its place among the new rows.
        row: usize,
        /// Width that was fed.
        found: usize,
        /// Width of the residual stream.
        dim: usize,
    },
    /// The rotary position is absurd.
    #[error(
        "sequence {item}, new row {row}: rotary position {position:?} is not below {POSITIONS}"
    )]
    Position {
        /// Its place in the batch.
        item: usize,
        /// Its place among the new rows.
        row: usize,
        /// The position that was fed.
        position: [u32; 3],
    },
}

/// The decoder on plain slices; one a thread, over weights that all threads share.
#[derive(Clone, Debug)]
pub struct Engine {
    weights: Arc<DecoderWeights>,
    rotary: Rotary,
    scratch: Scratch,
}

/// Kept between calls, so that a step allocates nothing once the largest batch was seen.
#[derive(Clone, Debug, Default)]
struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    gate_up: Vec<f32>,
    inner: Vec<f32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
    masks: Vec<f32>,
    scores: Vec<f32>,
}

impl Engine {
    /// An engine over these weights.
    pub fn new(weights: Arc<DecoderWeights>) -> Self {
        let config = weights.config();
        let rotary = Rotary::new(config.head_dim, config.rope_theta, config.mrope_section);
        Self {
            weights,
            rotary,
            scratch: Scratch::default(),
        }
    }

    /// The weights it runs on.
    pub fn weights(&self) -> &Arc<DecoderWeights> {
        &self.weights
    }

    /// An empty cache for this decoder.
    pub fn cache(&self) -> Cache {
        Cache::new(self.weights.config())
    }

    /// Appends each item's rows to its cache in one pass over the layers, and writes the logits after the
    /// LAST row of each item to `out[items, vocab]`. Items may differ in their number of rows.
    ///
    /// A row sees the rows before it in its own sequence, and itself, as far as its `oldest` lets it.
    ///
    /// # Errors
    /// [`DecodeError`] names the first row that cannot be run; then no cache was changed.
    pub fn forward(
        &mut self,
        items: &mut [(&mut Cache, &[NewRow<'_>])],
        out: &mut Vec<f32>,
    ) -> Result<(), DecodeError> {
        self.check(items)?;
        let weights = Arc::clone(&self.weights);
        let c = weights.config();
        let s = &mut self.scratch;
        let half = c.head_dim / 2;
        let rows: usize = items.iter().map(|(_, new)| new.len()).sum();

        s.x.resize(rows * c.dim, 0.0);
        s.cos.resize(rows * half, 0.0);
        s.sin.resize(rows * half, 0.0);
        let all_rows = items.iter().flat_map(|(_, new)| new.iter());
        for (r, row) in all_rows.enumerate() {
            let x = &mut s.x[r * c.dim..][..c.dim];
            match row.feed {
                Feed::Text(id) => x.copy_from_slice(&weights.embed[id as usize * c.dim..][..c.dim]),
                Feed::Visual(embedding) => x.copy_from_slice(embedding),
                Feed::Named(name, embedding) => {
                    x.copy_from_slice(&weights.embed[name as usize * c.dim..][..c.dim]);
                    kernels::add(x, embedding);
                }
            }
            self.rotary.write(
                row.position,
                &mut s.cos[r * half..][..half],
                &mut s.sin[r * half..][..half],
            );
        }
        s.masks.clear();
        for (cache, new) in items.iter_mut() {
            let before = cache.len();
            cache.tag(new.iter().map(|row| row.evidence));
            for (i, row) in new.iter().enumerate() {
                cache.mask(&mut s.masks, before + i + 1, row.oldest);
            }
        }

        let scale = 1.0 / (c.head_dim as f32).sqrt();
        for (l, layer) in weights.layers.iter().enumerate() {
            s.normed.resize(rows * c.dim, 0.0);
            kernels::rmsnorm(&mut s.normed, &s.x, &layer.input_norm, c.eps, None);
            s.qkv.resize(rows * c.qkv_dim(), 0.0);
            layer
                .qkv
                .apply(&mut s.qkv, &s.normed, Start::Bias(&layer.qkv_bias));

            // Of the last layer only each item's last row is read.
            let last_layer = l + 1 == c.layers;
            let going_on = if last_layer { items.len() } else { rows };
            s.attended.resize(going_on * c.q_dim(), 0.0);
            let (mut r, mut target) = (0, 0);
            let mut masks = &s.masks[..];
            for (cache, new) in items.iter_mut() {
                let before = cache.len() - new.len();
                for i in 0..new.len() {
                    let cos = &s.cos[r * half..][..half];
                    let sin = &s.sin[r * half..][..half];
                    let (q, kv) = s.qkv[r * c.qkv_dim()..][..c.qkv_dim()].split_at_mut(c.q_dim());
                    let (k, v) = kv.split_at_mut(c.kv_dim());
                    for head in k.chunks_exact_mut(c.head_dim) {
                        kernels::rotate(head, cos, sin);
                    }
                    cache.push(l, k, v);
                    let mask;
                    (mask, masks) = masks.split_at(Cache::mask_length(before + i + 1));
                    if !last_layer || i + 1 == new.len() {
                        for head in q.chunks_exact_mut(c.head_dim) {
                            kernels::rotate(head, cos, sin);
                            for x in head {
                                *x *= scale;
                            }
                        }
                        let attended = &mut s.attended[target * c.q_dim()..][..c.q_dim()];
                        cache.attend(l, attended, q, mask, &mut s.scores);
                        s.x.copy_within(r * c.dim..(r + 1) * c.dim, target * c.dim);
                        target += 1;
                    }
                    r += 1;
                }
            }
            s.x.truncate(going_on * c.dim);
            s.normed.truncate(going_on * c.dim);

            layer.o.apply(&mut s.x, &s.attended, Start::Residual);
            kernels::rmsnorm(&mut s.normed, &s.x, &layer.post_norm, c.eps, None);
            s.gate_up.resize(going_on * 2 * c.mlp, 0.0);
            layer.gate_up.apply(&mut s.gate_up, &s.normed, Start::Zero);
            s.inner.resize(going_on * c.mlp, 0.0);
            kernels::swiglu(&mut s.inner, &s.gate_up, c.mlp);
            layer.down.apply(&mut s.x, &s.inner, Start::Residual);
        }

        kernels::rmsnorm(&mut s.normed, &s.x, &weights.norm, c.eps, None);
        out.resize(items.len() * c.vocab, 0.0);
        weights.head.apply(out, &s.normed, Start::Zero);
        Ok(())
    }

    fn check(&self, items: &[(&mut Cache, &[NewRow<'_>])]) -> Result<(), DecodeError> {
        let config = self.weights.config();
        for (item, (cache, new)) in items.iter().enumerate() {
            if new.is_empty() {
                return Err(DecodeError::NoRows { item });
            }
            if !cache.fits(config) {
                return Err(DecodeError::ForeignCache { item });
            }
            for (row, new) in new.iter().enumerate() {
                match new.feed {
                    Feed::Text(token) | Feed::Named(token, _) if token as usize >= config.vocab => {
                        return Err(DecodeError::Token {
                            item,
                            row,
                            token,
                            vocab: config.vocab,
                        });
                    }
                    Feed::Visual(embedding) | Feed::Named(_, embedding)
                        if embedding.len() != config.dim =>
                    {
                        return Err(DecodeError::Visual {
                            item,
                            row,
                            found: embedding.len(),
                            dim: config.dim,
                        });
                    }
                    Feed::Text(_) | Feed::Visual(_) | Feed::Named(..) => {}
                }
                if new.position.iter().any(|axis| *axis >= POSITIONS) {
                    return Err(DecodeError::Position {
                        item,
                        row,
                        position: new.position,
                    });
                }
            }
        }
        Ok(())
    }
}
