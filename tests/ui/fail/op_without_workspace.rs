use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look at nothing.
#[vrt_core::visual_op]
fn glance() -> OpResult {
    Ok(Outcome::of_frames(vec![]))
}

pub fn unused(_: &mut Workspace<'_>, _: FrameIndex) -> OpResult {
    Ok(Outcome::of_frames(vec![]))
}

fn main() {}
