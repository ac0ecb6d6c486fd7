//! A cost that does not say what.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look again.
#[visual_op(cost)]
fn glance(
    view: &mut Workspace<'_>,
    /// Which one.
    frame: FrameIndex,
) -> OpResult {
    view.check("glance", frame)?;
    Ok(Outcome::of_frames([frame]))
}

fn main() {}
