use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    /// The frame's number.
    frame: FrameIndex,
) -> OpResult {
    Ok(Outcome::of_frames(vec![frame]))
}

vrt_core::ops! {
    /// One tool.
    pub Glances = [glance];
}

pub fn names() -> &'static [&'static str] {
    <Glances as vrt_core::op::OpSet>::NAMES
}

pub fn call(view: &mut Workspace<'_>, frame: FrameIndex) -> OpResult {
    glance(view, frame)
}

fn main() {}
