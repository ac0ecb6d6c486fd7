//! In: frame numbers. Out: these frames as evidence. The paper's one tool.

use super::{OpError, OpResult, Outcome, Workspace};
use crate::pair::FrameIndex;

/// Fetch frames that the initial sample left out.
///
/// They are shown in the order in which they are asked for.
#[vrt_macros::visual_op]
pub fn select_frames(
    view: &mut Workspace<'_>,
    /// Frame numbers in the pool of both videos.
    #[arg(len = 1..=8, distinct)]
    target_frames: Vec<FrameIndex>,
) -> OpResult {
    let pool = view.pair.pool();
    for frame in &target_frames {
        if pool.locate(*frame).is_none() {
            return Err(OpError::Refused {
                tool: "select_frames",
                what: format!("{frame} is beyond the pool of {} frames", pool.total()),
                cure: "ask for a frame of the pool".to_owned(),
            });
        }
    }
    Ok(Outcome {
        frames: target_frames,
    })
}
