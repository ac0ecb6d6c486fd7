use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look for something.
#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    /// What to look for.
    what: &str,
    /// In which stretches.
    #[arg(len = 1..=4)]
    stretches: Vec<Vec<FrameIndex>>,
) -> OpResult {
    let _ = what;
    Ok(Outcome::of_frames(stretches.concat()))
}

fn main() {}
