//! An argument needs a name: it is its key in the call.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look at two.
#[visual_op]
fn both(
    view: &mut Workspace<'_>,
    /// The two.
    (a, b): (FrameIndex, FrameIndex),
) -> OpResult {
    view.check("both", a)?;
    Ok(Outcome::of_frames([a, b]))
}

fn main() {}
