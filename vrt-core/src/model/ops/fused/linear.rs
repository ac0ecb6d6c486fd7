//! `y = x · weightᵀ`.

use dfdx::prelude::*;

use super::tape::{numbers, take, update};
use crate::model::kernels::{matmul_nn, matmul_nt, matmul_tn};
use crate::model::ops::Rows;

/// See [`crate::model::ops::Ops::linear`].
pub fn linear<const I: usize, const O: usize, T: Tape<f32, Cpu>>(
    x: Rows<I, Cpu, T>,
    weight: &Tensor<Rank2<O, I>, f32, Cpu>,
) -> Rows<O, Cpu, T> {
    let rows = x.shape().0;
    let (x, mut tape) = x.split_tape();
    let (input, w) = (numbers(&x), numbers(weight));
    let mut y = vec![0.0; rows * O];
    matmul_nt(&mut y, &input, &w, [rows, O, I], 0.0);
    let out = x.device().tensor_from_vec(y, (rows, Const::<O>));
    let (x_at, w_at, out_at) = (x.clone(), weight.clone(), out.clone());
    tape.add_backward_op(move |store| {
        let dy = take(store, &out_at)?;
        update(store, &x_at, |dx| matmul_nn(dx, &dy, &w, [rows, I, O], 1.0))?;
        update(store, &w_at, |dw| {
            matmul_tn(dw, &dy, &input, [O, I, rows], 1.0);
        })
    });
    out.put_tape(tape)
}
