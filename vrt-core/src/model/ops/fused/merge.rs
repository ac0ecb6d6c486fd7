//! `out(gelu(hidden(concat(norm(x)))))`: a merge group of patches to one token.

use dfdx::prelude::*;

use super::backward;
use super::tape::{numbers, take, update};
use crate::model::kernels::{self, add_bias, exp, matmul_nn, matmul_nt, matmul_tn};
use crate::model::ops::{RMS_EPS, Rows};
use crate::model::vision::Merger;

/// See [`crate::model::ops::Ops::merge`].
pub fn merge<const W: usize, const MERGED: usize, const D: usize, T: Tape<f32, Cpu>>(
    x: Rows<W, Cpu, T>,
    weights: &Merger<W, MERGED, D, Cpu>,
) -> Rows<D, Cpu, T> {
    let rows = x.shape().0;
    let groups = rows * W / MERGED;
    let (x, mut tape) = x.split_tape();
    let input = numbers(&x);
    let norm = numbers(&weights.norm);
    let (w_hidden, w_out) = (numbers(&weights.hidden), numbers(&weights.out));
    let mut inverse = vec![0.0; rows];
    let mut normed = vec![0.0; rows * W];
    kernels::rmsnorm(&mut normed, &input, &norm, RMS_EPS, Some(&mut inverse));
    let mut before = vec![0.0; groups * MERGED];
    matmul_nt(
        &mut before,
        &normed,
        &w_hidden,
        [groups, MERGED, MERGED],
        0.0,
    );
    add_bias(&mut before, &numbers(&weights.hidden_bias));
    let after: Vec<f32> = before.iter().map(|&x| gelu(x).0).collect();
    let mut y = vec![0.0; groups * D];
    matmul_nt(&mut y, &after, &w_out, [groups, D, MERGED], 0.0);
    add_bias(&mut y, &numbers(&weights.out_bias));

    let out = x.device().tensor_from_vec(y, (groups, Const::<D>));
    let (x_at, norm_at, out_at) = (x.clone(), weights.norm.clone(), out.clone());
    let (w_hidden_at, b_hidden_at) = (weights.hidden.clone(), weights.hidden_bias.clone());
    let (w_out_at, b_out_at) = (weights.out.clone(), weights.out_bias.clone());
    tape.add_backward_op(move |store| {
        let dy = take(store, &out_at)?;
        update(store, &b_out_at, |db| backward::bias(db, &dy))?;
        update(store, &w_out_at, |dw| {
            matmul_tn(dw, &dy, &after, [D, MERGED, groups], 1.0);
        })?;
        let mut d = after;
        matmul_nn(&mut d, &dy, &w_out, [groups, MERGED, D], 0.0);
        for (d, x) in d.iter_mut().zip(&before) {
            *d *= gelu(*x).1;
        }
        update(store, &b_hidden_at, |db| backward::bias(db, &d))?;
        update(store, &w_hidden_at, |dw| {
            matmul_tn(dw, &d, &normed, [MERGED, MERGED, groups], 1.0);
        })?;
        let mut dnormed = before;
        matmul_nn(&mut dnormed, &d, &w_hidden, [groups, MERGED, MERGED], 0.0);
        let mut dnorm = take(store, &norm_at)?;
        update(store, &x_at, |dx| {
            backward::rms_norm(dx, &mut dnorm, &dnormed, &input, &inverse, &norm);
        })?;
        **store.get_or_alloc_mut(&norm_at)? = dnorm;
        Ok(())
    });
    out.put_tape(tape)
}

/// `x · Φ(x)` and its derivative `Φ(x) + x · φ(x)`.
///
/// Φ from the rational approximation of erf by Abramowitz and Stegun, 7.1.26: absolute error 1.5·10⁻⁷.
#[inline(always)]
pub fn gelu(x: f32) -> (f32, f32) {
    const INVERSE_SQRT_TAU: f32 = 0.398_942_3;
    let gauss = exp(-0.5 * x * x);
    let t = 1.0 / (0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2).mul_add(x.abs(), 1.0);
    let mut p = 1.061_405_4_f32;
    for c in [-1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        p = p.mul_add(t, c);
    }
    let tail = 0.5 * p * t * gauss;
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    (x * below, (x * INVERSE_SQRT_TAU).mul_add(gauss, below))
}
