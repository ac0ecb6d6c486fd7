//! A list of lists has no canonical text.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

/// Look at stretches.
#[visual_op]
fn stretches(
    view: &mut Workspace<'_>,
    /// Stretches of frames.
    #[arg(len = 1..=4)]
    stretches: Vec<Vec<FrameIndex>>,
) -> OpResult {
    let _ = view;
    Ok(Outcome::of_frames(stretches.concat()))
}

fn main() {}
