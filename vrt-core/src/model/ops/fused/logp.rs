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
    let mut logps = Vec::with_capacity(count);
    let mut entropy = Vec::with_capacity(count);
    let mut probs = vec![0.0; count * VOCAB];
    let mut scores = vec![0.0; VOCAB];
    let blocks = probs
        .chunks_mut(BLOCK * VOCAB)
        .zip(normed.chunks(BLOCK * D))
        .zip(tokens.chunks(BLOCK));
    for ((probs, normed), tokens) in blocks {
        matmul_nt(probs, normed, &entries, [tokens.len(), VOCAB, D], 0.0);
        for (row, &token) in probs.chunks_exact_mut(VOCAB).zip(tokens) {
            for (score, value) in scores.iter_mut().zip(row.iter_mut()) {
                *value *= scale;
                *score = *value;
            }
            let total = kernels::softmax(row);
            logps.push(scores[token] - total);
            entropy.push(total - kernels::dot(row, &scores));
        }
    }

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
            for ((row, &token), dlogp) in dlogits.chunks_exact_mut(VOCAB).zip(tokens).zip(dlogps) {
                let factor = dlogp * scale;
                for value in row.iter_mut() {
                    *value *= -factor;
                }
                row[token] += factor;
            }
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
