//! In: names of operations, as a file gives them. Out: the set that offers exactly these, as a value to branch on.
//!
//! A set of operations is a type; which one a trained policy was offered is known when its file has been read.

use super::OpSet;
use super::{frame_difference, recall, sample_range, select_frames, zoom_in};

vrt_macros::ops! {
    /// Intervals alone.
    pub RangeOps = [sample_range];
}

vrt_macros::ops! {
    /// Frames and intervals.
    pub SelectRangeOps = [select_frames, sample_range];
}

vrt_macros::ops! {
    /// Frames and parts of frames.
    pub SelectZoomOps = [select_frames, zoom_in];
}

vrt_macros::ops! {
    /// Frames and what differs between two.
    pub SelectDifferenceOps = [select_frames, frame_difference];
}

vrt_macros::ops! {
    /// Frames and what was forgotten.
    pub SelectRecallOps = [select_frames, recall];
}

/// The sets of the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offered {
    /// [`PaperOps`](super::PaperOps)
    #[default]
    Paper,
    /// [`AllOps`](super::AllOps)
    All,
    /// [`RangeOps`]
    Range,
    /// [`SelectRangeOps`]
    SelectRange,
    /// [`SelectZoomOps`]
    SelectZoom,
    /// [`SelectDifferenceOps`]
    SelectDifference,
    /// [`SelectRecallOps`]
    SelectRecall,
}

/// Evaluates an expression with `$ops` standing for the type of an [`Offered`](crate::op::Offered).
#[macro_export]
macro_rules! with_offered {
    ($offered:expr, $ops:ident => $make:expr) => {{
        macro_rules! made {
            ($set:ty) => {{
                type $ops = $set;
                $make
            }};
        }
        match $offered {
            $crate::op::Offered::Paper => made!($crate::op::PaperOps),
            $crate::op::Offered::All => made!($crate::op::AllOps),
            $crate::op::Offered::Range => made!($crate::op::RangeOps),
            $crate::op::Offered::SelectRange => made!($crate::op::SelectRangeOps),
            $crate::op::Offered::SelectZoom => made!($crate::op::SelectZoomOps),
            $crate::op::Offered::SelectDifference => made!($crate::op::SelectDifferenceOps),
            $crate::op::Offered::SelectRecall => made!($crate::op::SelectRecallOps),
        }
    }};
}

impl Offered {
    /// Every set.
    pub const ALL: [Self; 7] = [
        Self::Paper,
        Self::All,
        Self::Range,
        Self::SelectRange,
        Self::SelectZoom,
        Self::SelectDifference,
        Self::SelectRecall,
    ];

    /// The names of its operations, in the order in which they are offered.
    pub fn names(self) -> &'static [&'static str] {
        with_offered!(self, Ops => Ops::NAMES)
    }

    /// The set of exactly these operations in this order, or `None` where the library has no such set.
    pub fn of<S: AsRef<str>>(names: &[S]) -> Option<Self> {
        let equal = |set: &Self| {
            let own = set.names();
            own.len() == names.len()
                && own
                    .iter()
                    .zip(names)
                    .all(|(own, name)| *own == name.as_ref())
        };
        Self::ALL.into_iter().find(equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_found_by_its_operations_in_their_order() {
        for set in Offered::ALL {
            assert_eq!(Offered::of(set.names()), Some(set));
        }
        assert_eq!(Offered::of(&["zoom_in", "select_frames"]), None);
        assert_eq!(Offered::of::<&str>(&[]), None);
        assert_eq!(Offered::of(&["select_frames", "recall", "recall"]), None);
    }
}
