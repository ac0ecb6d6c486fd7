use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look at one frame.
#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    /// The frame's number.
    #[args(range = 1..=4)]
    frame: FrameIndex,
) -> OpResult {
    Ok(Outcome::of_frames(vec![frame]))
}

fn main() {}
