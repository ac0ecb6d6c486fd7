//! In: the verdicts of both orders. Out: where they agree, and where the judge follows the place instead of the video.

use serde::Serialize;
use vrt_core::pair::{Dimension, Preference, Verdict};

/// How two preferences of one pair, asked about in both orders, stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The same video, or a tie, in both orders.
    Same,
    /// Whichever was shown first.
    FirstShown,
    /// Whichever was shown second.
    SecondShown,
    /// A tie in one order alone.
    Wavers,
}

impl Agreement {
    /// `first` is the preference in the order given, `second` that of the other order, both in the order given.
    pub fn of(first: Preference, second: Preference) -> Self {
        match (first, second) {
            _ if first == second => Self::Same,
            (Preference::Tie, _) | (_, Preference::Tie) => Self::Wavers,
            (Preference::First, _) => Self::FirstShown,
            (Preference::Second, _) => Self::SecondShown,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "the same in both orders",
            Self::FirstShown => "whichever is shown first",
            Self::SecondShown => "whichever is shown second",
            Self::Wavers => "decided in one order only",
        }
    }
}

/// The agreement of both orders, by dimension and overall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct PositionBias {
    /// Text alignment.
    pub ta: Agreement,
    /// Visual quality.
    pub vq: Agreement,
    /// Motion quality.
    pub mq: Agreement,
    /// Overall.
    pub oa: Agreement,
}

impl PositionBias {
    /// Of the verdicts in both orders, both turned to the order given.
    pub fn of(first: &Verdict, second: &Verdict) -> Self {
        let of = |dimension: Dimension| Agreement::of(first.get(dimension), second.get(dimension));
        Self {
            ta: of(Dimension::TextAlignment),
            vq: of(Dimension::VisualQuality),
            mq: of(Dimension::MotionQuality),
            oa: Agreement::of(first.overall, second.overall),
        }
    }

    /// By [`Dimension`], then overall.
    pub fn each(&self) -> [Agreement; 4] {
        [self.ta, self.vq, self.mq, self.oa]
    }

    /// What holds in both orders; a tie where they differ.
    pub fn common(first: &Verdict, second: &Verdict) -> Verdict {
        let common = |one: Preference, other: Preference| match one == other {
            true => one,
            false => Preference::Tie,
        };
        let of = |dimension: Dimension| common(first.get(dimension), second.get(dimension));
        Verdict {
            dimensions: Dimension::ALL.map(of),
            overall: common(first.overall, second.overall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Preference::{First, Second, Tie};

    #[test]
    fn the_place_is_told_from_the_video() {
        let agree = |first, shown_second: Preference| Agreement::of(first, shown_second.swapped());
        // What the judge wrote: in the order given, then in the other one.
        assert_eq!(agree(First, Second), Agreement::Same);
        assert_eq!(agree(Tie, Tie), Agreement::Same);
        assert_eq!(agree(First, First), Agreement::FirstShown);
        assert_eq!(agree(Second, Second), Agreement::SecondShown);
        assert_eq!(agree(Tie, First), Agreement::Wavers);
        assert_eq!(agree(Second, Tie), Agreement::Wavers);
    }

    #[test]
    fn only_what_holds_in_both_orders_is_common() {
        let verdict = |dimensions, overall| Verdict {
            dimensions,
            overall,
        };
        let (one, other) = (
            verdict([First, Second, Tie], First),
            verdict([First, First, Tie], Tie),
        );
        let common = PositionBias::common(&one, &other);
        assert_eq!(common, verdict([First, Tie, Tie], Tie));
        let bias = PositionBias::of(&one, &other);
        assert_eq!(bias.vq, Agreement::SecondShown);
        assert_eq!(bias.each()[3], Agreement::Wavers);
    }
}
