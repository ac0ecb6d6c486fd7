//! In: several samples a pair. Out: the traces that are kept for fine-tuning, and a count of the rest.
//!
//! The paper's rejection sampling: a trace is kept if every unit is in format and every dimension and the
//! overall preference equal the ground truth ([`right`]). One trace a pair is kept: the most confident, then the first.

use serde::{Deserialize, Serialize};
use vrt_core::pair::{Confidence, Judgment, Verdict};
use vrt_core::reward::Judged;
use vrt_core::rollout::{Rollout, Sample};

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

/// Why a trace is not fit for fine-tuning: the first reason, in this order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A unit left the format, or a call was faulty.
    #[error("not in format: {0}")]
    Format(String),
    /// It ends without a final answer.
    #[error("no final answer")]
    NoAnswer,
    /// The overall preference is wrong.
    #[error("the overall preference is wrong")]
    Overall,
    /// The overall preference is right, a dimension is wrong.
    #[error("a dimension is wrong")]
    Dimension,
}

/// The answer of a trace in which every unit is in format, and every dimension and the overall preference are right.
///
/// # Errors
/// [`Rejection`]: the first reason why it is not such a trace.
pub fn right(judged: &Judged) -> Result<Judgment, Rejection> {
    if let Err(fault) = &judged.format {
        return Err(Rejection::Format(fault.clone()));
    }
    let answer = judged.answer.ok_or(Rejection::NoAnswer)?;
    if answer.verdict.overall != judged.truth.overall {
        return Err(Rejection::Overall);
    }
    if answer.verdict != judged.truth {
        return Err(Rejection::Dimension);
    }
    Ok(answer)
}

/// How much a judgment doubts itself: the least is kept of a pair. A confidence that is not stated comes last.
pub fn doubt(judgment: &Judgment) -> u8 {
    judgment.confidence.map_or(u8::MAX, Confidence::digit)
}

/// Keeps the sequence of at most one right trace of a pair.
pub fn keep<S>(rollout: Rollout<S>, truth: &Verdict, harvest: &mut Harvest) -> Option<S> {
    best(rollout, truth, harvest)?.sequence
}

/// Keeps at most one right trace of a pair.
pub fn best<S>(rollout: Rollout<S>, truth: &Verdict, harvest: &mut Harvest) -> Option<Sample<S>> {
    harvest.pairs += 1;
    harvest.samples += rollout.samples.len() as u64;
    let samples = rollout.samples.into_iter();
    let right: Vec<(u8, Sample<S>)> = samples
        .filter_map(|sample| {
            let answer = right(&sample.episode.judged(*truth)).ok()?;
            Some((doubt(&answer), sample))
        })
        .collect();
    harvest.right += right.len() as u64;
    // `min_by_key` takes the first among equals.
    let (_, best) = right.into_iter().min_by_key(|(doubt, _)| *doubt)?;
    harvest.kept += 1;
    Some(best)
}
