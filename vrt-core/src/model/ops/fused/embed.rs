//! Rows of the embedding table, and visual embeddings where a frame is shown; a named frame is the sum of both.

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
    let sources = sources(batch, D);
    let y = sums(&sources, &entries, &frames, D);
    let out = visual
        .device()
        .tensor_from_vec(y, (sources.len(), Const::<D>));
    let (visual_at, table_at, out_at) = (visual.clone(), table.clone(), out.clone());
    tape.add_backward_op(move |store| {
        let dy = take(store, &out_at)?;
        let mut dframes = take(store, &visual_at)?;
        update(store, &table_at, |dentries| {
            for (dy, &(entry, frame)) in dy.chunks_exact(D).zip(&sources) {
                if let Some(at) = entry {
                    add(&mut dentries[at..at + D], dy);
                }
                if let Some(at) = frame {
                    add(&mut dframes[at..at + D], dy);
                }
            }
        })?;
        **store.get_or_alloc_mut(&visual_at)? = dframes;
        Ok(())
    });
    out.put_tape(tape)
}

/// What each row is the sum of: where its entry of the table starts, where its frame starts.
pub type Source = (Option<usize>, Option<usize>);

/// The sources of the rows of a batch, `width` numbers each.
pub fn sources(batch: &Packed, width: usize) -> Vec<Source> {
    let mut sources: Vec<Source> = batch
        .tokens
        .iter()
        .map(|&token| (Some(token as usize * width), None))
        .collect();
    for (i, (&row, &index)) in batch
        .visual_rows
        .iter()
        .zip(&batch.visual_index)
        .enumerate()
    {
        let name = batch.visual_names.get(i).map(|&name| name as usize * width);
        sources[row as usize] = (name, Some(index as usize * width));
    }
    sources
}

/// The rows themselves.
pub fn sums(sources: &[Source], entries: &[f32], frames: &[f32], width: usize) -> Vec<f32> {
    let mut y = vec![0.0; sources.len() * width];
    for (y, &(entry, frame)) in y.chunks_exact_mut(width).zip(sources) {
        if let Some(at) = entry {
            add(y, &entries[at..at + width]);
        }
        if let Some(at) = frame {
            add(y, &frames[at..at + width]);
        }
    }
    y
}
