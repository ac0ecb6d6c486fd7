//! Rows of the embedding table, and visual embeddings where a frame is shown.

use dfdx::prelude::*;

use super::tape::{numbers, take, update};
use crate::model::kernels::add;
use crate::model::ops::Rows;
use crate::sequence::Packed;

/// See [`crate::model::ops::Ops::embed`].
pub fn embed<const VOCAB: usize, const D: usize, T: Tape<f32, Cpu>>(
    visual: Rows<D, Cpu, T>,
    table: &Tensor<Rank2<VOCAB, D>, f32, Cpu>,
    batch: &Packed,
) -> Rows<D, Cpu, T> {
    let (visual, mut tape) = visual.split_tape();
    let (frames, entries) = (numbers(&visual), numbers(table));
    // Where each row comes from: a frame, else a token.
    let mut sources: Vec<(bool, usize)> = batch
        .tokens
        .iter()
        .map(|&token| (false, token as usize * D))
        .collect();
    for (&row, &index) in batch.visual_rows.iter().zip(&batch.visual_index) {
        sources[row as usize] = (true, index as usize * D);
    }
    let mut y = Vec::with_capacity(sources.len() * D);
    for &(is_frame, at) in &sources {
        let from = if is_frame { &frames } else { &entries };
        y.extend_from_slice(&from[at..at + D]);
    }
    let out = visual
        .device()
        .tensor_from_vec(y, (sources.len(), Const::<D>));
    let (visual_at, table_at, out_at) = (visual.clone(), table.clone(), out.clone());
    tape.add_backward_op(move |store| {
        let dy = take(store, &out_at)?;
        let mut dframes = take(store, &visual_at)?;
        update(store, &table_at, |dentries| {
            for (dy, &(is_frame, at)) in dy.chunks_exact(D).zip(&sources) {
                let to = if is_frame {
                    &mut dframes[..]
                } else {
                    &mut *dentries
                };
                add(&mut to[at..at + D], dy);
            }
        })?;
        **store.get_or_alloc_mut(&visual_at)? = dframes;
        Ok(())
    });
    out.put_tape(tape)
}
