//! A bound that the workspace does not know.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look again.
#[visual_op]
fn glance(
    view: &mut Workspace<'_>,
    /// Which ones.
    #[arg(len = 1..=frames_per_call)]
    frames: Vec<FrameIndex>,
    /// How often.
    #[arg(range = 1..=pool)]
    times: u32,
) -> OpResult {
    view.check("glance", frames[times as usize])?;
    Ok(Outcome::of_frames(frames))
}

fn main() {}
