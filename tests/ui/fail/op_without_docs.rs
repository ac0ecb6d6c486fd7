use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    frame: FrameIndex,
) -> OpResult {
    Ok(Outcome::of_frames(vec![frame]))
}

fn main() {}
