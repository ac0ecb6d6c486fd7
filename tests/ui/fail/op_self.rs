//! An operation is a function, not a method.

use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;
use vrt_core::visual_op;

struct Looker;

impl Looker {
    /// Look again.
    #[visual_op]
    fn glance(
        &self,
        /// Which one.
        frame: FrameIndex,
    ) -> OpResult {
        Ok(Outcome::of_frames([frame]))
    }
}

fn main() {}
