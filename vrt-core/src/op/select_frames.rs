//! In: frame numbers. Out: these frames as evidence. The paper's one tool.

use super::{OpResult, Outcome, Workspace};
use crate::pair::FrameIndex;

/// Fetch frames that the initial sample left out.
///
/// They are shown in the order in which they are asked for.
#[vrt_macros::visual_op(cost = view.limits.pictures(target_frames.len()))]
pub fn select_frames(
    view: &mut Workspace<'_>,
    /// Frame numbers in the pool of both videos.
    #[arg(len = 1..=frames_a_call, distinct)]
    target_frames: Vec<FrameIndex>,
) -> OpResult {
    for frame in &target_frames {
        view.check("select_frames", *frame)?;
    }
    Ok(Outcome::of_frames(target_frames))
}
