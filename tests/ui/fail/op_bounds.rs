use vrt_core::op::{OpResult, Outcome, Workspace};
use vrt_core::pair::FrameIndex;

/// Look at some frames.
#[vrt_core::visual_op]
fn glance(
    _view: &mut Workspace<'_>,
    /// The frames' numbers.
    #[arg(length = 1..=8)]
    frames: Vec<FrameIndex>,
    /// What for.
    reason: String,
    /// How many.
    #[arg(len = 1..=8)]
    count: u32,
    /// From where.
    #[arg(range = 1..=128)]
    from: FrameIndex,
    /// How close.
    #[arg(range = 4.0..=1.0)]
    zoom: f64,
    /// Others.
    #[arg(len = 1..8)]
    others: Vec<FrameIndex>,
    /// How often.
    #[arg(distinct)]
    times: i64,
) -> OpResult {
    let _ = (reason, count, zoom, others, times);
    Ok(Outcome::of_frames([frames, vec![from]].concat()))
}

fn main() {}
