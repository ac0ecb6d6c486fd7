//! Log-probabilities of tokens, one a row: normalisation, output map, log-softmax, selection.

use dfdx::prelude::*;

use super::backward;
use super::tape::{numbers, take, update};
use crate::model::kernels::{self, matmul_nn, matmul_nt, matmul_tn};
use crate::model::ops::{RMS_EPS, Rows, Scored};

const BLOCK: usize = 128;

/// See [`crate::model::ops::Ops::token_logps`].
pub fn token_logps<const VOCAB: usize, const D: usize, T: Tape<f32, Cpu>>(
    x: Rows<D, Cpu, T>,
    norm: &Tensor<Rank1<D>, f32, Cpu>,
    table: &Tensor<Rank2<VOCAB, D>, f32, Cpu>,
    tokens: &[u32],
    temperature: f32,
) -> Scored<Cpu, T> {
    let (x, mut tape) = x.split_tape();
    let input = numbers(&x);
    let tokens: Vec<usize> = tokens.iter().map(|&token| token as usize).collect();
    let count = tokens.len();
    let (gain, entries) = (numbers(norm), numbers(table));
    let mut inverse = vec![0.0; count];
    let mut normed = vec![0.0; count * D];
    kernels::rmsnorm(&mut normed, &input, &gain, RMS_EPS, Some(&mut inverse));

    let scale = 1.0 / temperature;
    let Picked {
        logps,
        entropy,
        mut probs,
    } = Picked::new(&normed, &entries, &tokens, scale, VOCAB);

    let out = x.device().tensor_from_vec(logps, (count,));
    let (x_at, norm_at) = (x.clone(), norm.clone());
    let (table_at, out_at) = (table.clone(), out.clone());
    tape.add_backward_op(move |store| {
        let dlogps = take(store, &out_at)?;
        let mut dentries = take(store, &table_at)?;
        let mut dnormed = vec![0.0; count * D];
        let blocks = probs
            .chunks_mut(BLOCK * VOCAB)
            .zip(dnormed.chunks_mut(BLOCK * D))
            .zip(normed.chunks(BLOCK * D))
            .zip(tokens.chunks(BLOCK).zip(dlogps.chunks(BLOCK)));
        for (((dlogits, dnormed), normed), (tokens, dlogps)) in blocks {
            let here = tokens.len();
            logit_gradients(dlogits, tokens, dlogps, scale);
            matmul_tn(&mut dentries, dlogits, normed, [VOCAB, D, here], 1.0);
            matmul_nn(dnormed, dlogits, &entries, [here, D, VOCAB], 0.0);
        }
        **store.get_or_alloc_mut(&table_at)? = dentries;
        let mut dx = take(store, &x_at)?;
        update(store, &norm_at, |dgain| {
            backward::rms_norm(&mut dx, dgain, &dnormed, &input, &inverse, &gain);
        })?;
        **store.get_or_alloc_mut(&x_at)? = dx;
        Ok(())
    });
    Scored {
        logps: out.put_tape(tape),
        entropy,
    }
}

/// Scores of tokens, one a row.
pub struct Picked {
    /// Log-probability of each token.
    pub logps: Vec<f32>,
    /// Entropy of each row's distribution.
    pub entropy: Vec<f32>,
    /// The distributions, `rows × vocab`.
    pub probs: Vec<f32>,
}

impl Picked {
    /// Scores `tokens` by the normalised rows `normed` under an output map of `vocab` entries.
    pub fn new(
        normed: &[f32],
        entries: &[f32],
        tokens: &[usize],
        scale: f32,
        vocab: usize,
    ) -> Self {
        let width = entries.len() / vocab;
        let mut picked = Self {
            logps: Vec::with_capacity(tokens.len()),
            entropy: Vec::with_capacity(tokens.len()),
            probs: vec![0.0; tokens.len() * vocab],
        };
        let mut scores = vec![0.0; vocab];
        let blocks = picked
            .probs
            .chunks_mut(BLOCK * vocab)
            .zip(normed.chunks(BLOCK * width))
            .zip(tokens.chunks(BLOCK));
        for ((probs, normed), tokens) in blocks {
            matmul_nt(probs, normed, entries, [tokens.len(), vocab, width], 0.0);
            for (row, &token) in probs.chunks_exact_mut(vocab).zip(tokens) {
                for (score, value) in scores.iter_mut().zip(row.iter_mut()) {
                    *value *= scale;
                    *score = *value;
                }
                let total = kernels::softmax_log_sum(row);
                picked.logps.push(scores[token] - total);
                picked.entropy.push(total - kernels::dot(row, &scores));
            }
        }
        picked
    }
}

/// Turns distributions into the gradient of their logits, given that of each token's log-probability.
pub fn logit_gradients(probs: &mut [f32], tokens: &[usize], dlogps: &[f32], scale: f32) {
    let vocab = probs.len() / tokens.len().max(1);
    for ((row, &token), dlogp) in probs.chunks_exact_mut(vocab.max(1)).zip(tokens).zip(dlogps) {
        let factor = dlogp * scale;
        for value in row.iter_mut() {
            *value *= -factor;
        }
        row[token] += factor;
    }
}
