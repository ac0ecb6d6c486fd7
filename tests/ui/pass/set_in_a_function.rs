use vrt_core::op::{OpResult, OpSet, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

fn main() {
    /// Look at one frame.
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
        Glances = [glance];
    }

    assert_eq!(Glances::NAMES, ["glance"]);
}
