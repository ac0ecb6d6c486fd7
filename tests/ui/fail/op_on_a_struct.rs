use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look at one frame.
#[vrt_core::visual_op]
pub struct Glance {
    pub frame: FrameIndex,
}

pub fn unused(_: &mut Workspace<'_>) -> OpResult {
    Ok(Outcome::of_frames(vec![]))
}

fn main() {}
