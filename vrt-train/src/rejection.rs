//! In: several samples a pair. Out: the traces that are kept for fine-tuning, and a count of the rest.
//!
//! The paper's rejection sampling: a trace is kept if every unit is in format and every dimension and the
//! overall preference equal the ground truth. One trace a pair is kept: the most confident, then the first.

use serde::{Deserialize, Serialize};
use vrt_core::pair::{Confidence, Verdict};
use vrt_core::rollout::{Rollout, Sample};
use vrt_core::sequence::Sequence;

/// What became of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harvest {
    /// Pairs sampled.
    pub pairs: u64,
    /// Samples drawn.
    pub samples: u64,
    /// Samples in format and right in everything.
    pub right: u64,
    /// Pairs of which a trace was kept.
    pub kept: u64,
}

/// Keeps at most one right trace of a pair.
pub fn keep(rollout: Rollout, truth: &Verdict, harvest: &mut Harvest) -> Option<Sequence> {
    harvest.pairs += 1;
    harvest.samples += rollout.samples.len() as u64;
    let right: Vec<Sample> = rollout
        .samples
        .into_iter()
        .filter(|sample| sample.episode.all_right(truth))
        .collect();
    harvest.right += right.len() as u64;
    let doubt = |sample: &Sample| {
        let stated = sample.episode.answer().and_then(|answer| answer.confidence);
        stated.map_or(u8::MAX, Confidence::digit)
    };
    // `min_by_key` takes the first among equals.
    let best = right.into_iter().min_by_key(doubt)?;
    harvest.kept += u64::from(best.sequence.is_some());
    best.sequence
}
