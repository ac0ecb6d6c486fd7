//! A cost is a number of visual tokens.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look again.
#[visual_op(cost = frames.len())]
fn glance(
    view: &mut Workspace<'_>,
    /// Which ones.
    #[arg(len = 1..=frames_a_call)]
    frames: Vec<FrameIndex>,
) -> OpResult {
    view.check("glance", frames[0])?;
    Ok(Outcome::of_frames(frames))
}

fn main() {}
