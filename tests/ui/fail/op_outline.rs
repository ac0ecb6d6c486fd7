use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look at one frame.
#[vrt_core::visual_op(name = "look")]
async fn glance<T>(
    view: &Workspace<'_>,
    /// The frame's number.
    (frame, _): (FrameIndex, T),
) -> Outcome {
    Outcome::of_frames([frame])
}

pub fn unused(_: &mut Workspace<'_>, _: FrameIndex) -> OpResult {
    Ok(Outcome::of_frames(vec![]))
}

fn main() {}
