//! What a stranger writes: an operation, a term and an objective, with `vrt-core` as the only dependency.

use vrt_core::op::{OpError, OpResult, Outcome, Workspace, select_frames};
use vrt_core::pair::{FrameIndex, FrameOffset};
use vrt_core::reward::{Judged, Score, accuracy, format};

/// Look at consecutive frames of one video, from a frame on.
#[vrt_core::visual_op]
pub fn clip(
    view: &mut Workspace<'_>,
    /// The first frame's number in the pool of both videos.
    from: FrameIndex,
    /// How many frames to look at.
    #[arg(range = 1..=4)]
    count: u32,
) -> OpResult {
    let pool = view.limits.pool;
    let refused = |what: String, cure: &str| OpError::Refused {
        tool: "clip",
        what,
        cure: cure.to_owned(),
    };
    let Some((side, first)) = pool.locate(from) else {
        return Err(refused(format!("{from} is in no video"), "begin earlier"));
    };
    (0..count)
        .map(|step| {
            pool.index(side, FrameOffset(first.0 + step))
                .ok_or_else(|| {
                    refused(
                        format!("video {} ends before {count} frames", side as u8 + 1),
                        "ask for fewer frames or begin earlier",
                    )
                })
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Outcome::of_frames)
}

vrt_core::ops! {
    /// The paper's tool and ours.
    pub BothOps = [select_frames, clip];
}

vrt_core::ops! {
    /// No tool: the sampled frames have to do.
    pub NoOps = [];
}

/// The sample took few units.
#[vrt_core::reward_term(range = -1.0..=0.0)]
pub fn brevity(
    ep: &Judged,
    /// Units beyond which each one costs.
    #[param(default = 2.0, range = 0.0..=10.0)]
    free: f64,
    /// What one such unit costs.
    #[param(default = 0.25, range = 0.0..=1.0)]
    each: f64,
) -> Score {
    if ep.judgments.is_empty() {
        return Score::abstain("no unit is in format, so there is none to count");
    }
    let beyond = (ep.judgments.len() as f64 - free).max(0.0);
    Score::Value((-each * beyond).max(-1.0))
}

vrt_core::objective! {
    /// Right answers in few units.
    pub Brief {
        reward    format + 2.0 * accuracy + thrift * brevity;
        weight    thrift = 0.5 in 0.0..=1.0;
        advantage group { center: leave_one_out, scale: none };
        loss      clip { low: 0.2, high: 0.28 }, kl { estimator: k1, beta: 0.0 }, reduce: sum_over_constant(512);
        groups    keep all;
        require   abs(thrift * brevity) <= accuracy;
    }
}
