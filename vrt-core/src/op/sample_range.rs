//! In: an interval of one video. Out: frames spread evenly over it.

use super::{OpError, OpResult, Outcome, Workspace};
use crate::pair::FrameIndex;

/// Fetch frames spread evenly over an interval of one video, both ends included.
#[vrt_macros::visual_op(cost = view.limits.pictures(count as usize))]
pub fn sample_range(
    view: &mut Workspace<'_>,
    /// The interval's first frame, by its number in the pool of both videos.
    first: FrameIndex,
    /// The interval's last frame.
    last: FrameIndex,
    /// How many frames; an interval that has fewer shows each of its frames once.
    #[arg(range = 1..=frames_a_call)]
    count: u32,
) -> OpResult {
    view.check("sample_range", first)?;
    view.check("sample_range", last)?;
    let side = |frame| view.limits.pool.locate(frame).map(|(side, _)| side);
    let refused = |what: String, cure: &str| {
        Err(OpError::Refused {
            tool: "sample_range",
            what,
            cure: cure.to_owned(),
        })
    };
    if last < first {
        return refused(
            format!("the interval from {first} to {last} runs backwards"),
            "give the smaller number first",
        );
    }
    if side(first) != side(last) {
        return refused(
            format!("the interval from {first} to {last} crosses from video 1 into video 2"),
            "ask for each video on its own",
        );
    }
    Ok(Outcome::of_frames(
        view.limits.pool.spread(first, last, count),
    ))
}
