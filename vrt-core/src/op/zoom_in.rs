//! In: a frame and a region. Out: that region at full resolution.
//!
//! A frame is shown at the size of the model's input; a part of it, cut out of the decoded frame, fills the same
//! input with more pixels of what matters.

use std::sync::Arc;

use super::{OpError, OpResult, Outcome, Workspace};
use crate::pair::{Frame, FrameIndex, PreferencePair, VideoError};
use crate::view::{Drawn, Painter, View};

/// Sides of a region count from 0 to this.
const WHOLE: u32 = 1000;

/// Look at a region of one frame at full resolution.
///
/// The region is given in thousandths of the frame's width and height, from its upper left corner.
#[vrt_macros::visual_op(cost = view.limits.pictures(1))]
pub fn zoom_in(
    view: &mut Workspace<'_>,
    /// The frame's number in the pool of both videos.
    frame: FrameIndex,
    /// Where the region begins, from the left.
    #[arg(range = 0..=1000)]
    left: u32,
    /// Where the region begins, from the top.
    #[arg(range = 0..=1000)]
    top: u32,
    /// Where the region ends, from the left.
    #[arg(range = 0..=1000)]
    right: u32,
    /// Where the region ends, from the top.
    #[arg(range = 0..=1000)]
    bottom: u32,
) -> OpResult {
    view.check("zoom_in", frame)?;
    for (from, to, names) in [
        (left, right, "left and right"),
        (top, bottom, "top and bottom"),
    ] {
        if from >= to || to > WHOLE {
            return Err(OpError::Refused {
                tool: "zoom_in",
                what: format!("{names} are {from} and {to}, which leaves no region between them"),
                cure: "give the smaller number first, both from 0 to 1000".to_owned(),
            });
        }
    }
    Ok(Outcome {
        views: vec![View::Drawn(Drawn {
            painter: &CROP,
            frame,
            args: [left, top, right, bottom],
        })],
    })
}

static CROP: Painter = Painter {
    name: "zoom_in",
    draw: crop,
};

/// Every pixel that the region touches.
fn crop(
    pair: &PreferencePair,
    frame: FrameIndex,
    [left, top, right, bottom]: [u32; 4],
) -> Result<Frame, VideoError> {
    let whole = pair.frame(frame)?;
    let begins = |at: u32, size: u32| (u64::from(at) * u64::from(size) / u64::from(WHOLE)) as u32;
    let ends =
        |at: u32, size: u32| (u64::from(at) * u64::from(size)).div_ceil(u64::from(WHOLE)) as u32;
    let columns = begins(left, whole.width)..ends(right, whole.width).min(whole.width);
    let rows = begins(top, whole.height)..ends(bottom, whole.height).min(whole.height);
    let mut rgb = Vec::with_capacity(columns.len() * rows.len() * 3);
    for row in rows.clone() {
        let at = |column: u32| ((row * whole.width + column) * 3) as usize;
        rgb.extend_from_slice(&whole.rgb[at(columns.start)..at(columns.end)]);
    }
    Ok(Frame {
        width: columns.len() as u32,
        height: rows.len() as u32,
        rgb: Arc::from(rgb),
    })
}
