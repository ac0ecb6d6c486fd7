//! In: the tools an arm offers. Out: the set of operations that stands for them.
//!
//! A set is a type, so the choice is made here, once, and everything behind it is dispatched statically.

use vrt_core::op::{frame_difference, recall, sample_range, select_frames, zoom_in};
use vrt_core::ops;

ops! {
    /// Intervals alone.
    pub RangeOps = [sample_range];
}

ops! {
    /// Frames and intervals.
    pub SelectRangeOps = [select_frames, sample_range];
}

ops! {
    /// Frames and parts of frames.
    pub SelectZoomOps = [select_frames, zoom_in];
}

ops! {
    /// Frames and what differs between two.
    pub SelectDifferenceOps = [select_frames, frame_difference];
}

ops! {
    /// Frames and what was forgotten.
    pub SelectRecallOps = [select_frames, recall];
}

/// Evaluates an expression with `$ops` standing for the set of operations of `$tools`.
macro_rules! with_ops {
    ($tools:expr, $ops:ident => $run:expr) => {{
        use $crate::world::ask::Tools;
        match $tools {
            Tools::Paper | Tools::Select => {
                type $ops = vrt_core::op::PaperOps;
                $run
            }
            Tools::Range => {
                type $ops = $crate::tools::RangeOps;
                $run
            }
            Tools::SelectRange => {
                type $ops = $crate::tools::SelectRangeOps;
                $run
            }
            Tools::SelectZoom => {
                type $ops = $crate::tools::SelectZoomOps;
                $run
            }
            Tools::SelectDifference => {
                type $ops = $crate::tools::SelectDifferenceOps;
                $run
            }
            Tools::SelectRecall => {
                type $ops = $crate::tools::SelectRecallOps;
                $run
            }
            Tools::All => {
                type $ops = vrt_core::op::AllOps;
                $run
            }
        }
    }};
}
pub(crate) use with_ops;
