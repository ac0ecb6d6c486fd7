//! An operation has one schema.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look again.
#[visual_op]
async fn glance<T: Into<FrameIndex>>(
    view: &mut Workspace<'_>,
    /// Which one.
    frame: FrameIndex,
) -> OpResult {
    view.check("glance", frame)?;
    Ok(Outcome::of_frames([frame]))
}

fn main() {}
