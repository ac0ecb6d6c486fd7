//! Some of the rows.

use dfdx::prelude::*;

use super::tape::{numbers, take, update};
use crate::model::kernels::add;
use crate::model::ops::Rows;

/// See [`crate::model::ops::Ops::pick`].
pub fn pick<const W: usize, T: Tape<f32, Cpu>>(
    x: Rows<W, Cpu, T>,
    rows: &[u32],
) -> Rows<W, Cpu, T> {
    let (x, mut tape) = x.split_tape();
    let all = numbers(&x);
    let places: Vec<usize> = rows.iter().map(|&row| row as usize * W).collect();
    let mut picked = Vec::with_capacity(places.len() * W);
    for &at in &places {
        picked.extend_from_slice(&all[at..at + W]);
    }
    let out = x
        .device()
        .tensor_from_vec(picked, (places.len(), Const::<W>));
    let (x_at, out_at) = (x.clone(), out.clone());
    tape.add_backward_op(move |store| {
        let dpicked = take(store, &out_at)?;
        update(store, &x_at, |dx| {
            for (&at, row) in places.iter().zip(dpicked.chunks_exact(W)) {
                add(&mut dx[at..at + W], row);
            }
        })
    });
    out.put_tape(tape)
}
