use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

pub struct Region {
    pub left: u32,
}

/// Look at one region.
#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    /// Where.
    region: Region,
) -> OpResult {
    Ok(Outcome::of_frames(FrameIndex::new(region.left)))
}

fn main() {}
