//! In: two frames of one video. Out: where they differ, as a picture.
//!
//! Grey is no difference; what became lighter is light, what became darker is dark.

use std::sync::Arc;

use super::{OpError, OpResult, Outcome, Workspace};
use crate::pair::{Frame, FrameIndex, PreferencePair, VideoError};
use crate::view::{Drawn, Painter, View};

/// Show where two frames of one video differ: grey where they are equal, lighter or darker where the second is.
#[vrt_macros::visual_op(cost = view.limits.pictures(1))]
pub fn frame_difference(
    view: &mut Workspace<'_>,
    /// The frame that is compared with, by its number in the pool of both videos.
    before: FrameIndex,
    /// The frame that is compared; the picture is named after it.
    after: FrameIndex,
) -> OpResult {
    view.check("frame_difference", before)?;
    view.check("frame_difference", after)?;
    let side = |frame| view.limits.pool.locate(frame).map(|(side, _)| side);
    let refused = |what: String, cure: &str| {
        Err(OpError::Refused {
            tool: "frame_difference",
            what,
            cure: cure.to_owned(),
        })
    };
    if before == after {
        return refused(
            format!("{before} is compared with itself"),
            "name two different frames",
        );
    }
    if side(before) != side(after) {
        return refused(
            format!("{before} and {after} are frames of different videos"),
            "name two frames of one video",
        );
    }
    Ok(Outcome {
        views: vec![View::Drawn(Drawn {
            painter: &DIFFERENCE,
            frame: after,
            args: [before.get(), 0, 0, 0],
        })],
    })
}

static DIFFERENCE: Painter = Painter {
    name: "frame_difference",
    draw: difference,
};

/// `½ + ½ (after − before)`, value by value.
fn difference(
    pair: &PreferencePair,
    frame: FrameIndex,
    [before, ..]: [u32; 4],
) -> Result<Frame, VideoError> {
    let after = pair.frame(frame)?;
    let broken = |reason: String| VideoError {
        video: format!("pair {}", pair.key.0),
        offset: pair
            .pool()
            .locate(frame)
            .map_or_else(Default::default, |(_, offset)| offset),
        reason,
    };
    let before = FrameIndex::new(before)
        .ok_or_else(|| broken("there is no frame 0 to compare it with".to_owned()))?;
    let before = pair.frame(before)?;
    if (before.width, before.height) != (after.width, after.height) {
        return Err(broken(format!(
            "it has {}×{} pixels and the frame before it {}×{}, so they cannot be compared",
            after.width, after.height, before.width, before.height
        )));
    }
    let values = before.rgb.iter().zip(after.rgb.iter());
    let rgb: Vec<f32> = values.map(|(a, b)| 0.5 + 0.5 * (b - a)).collect();
    Ok(Frame {
        rgb: Arc::from(rgb),
        ..after
    })
}
