//! In: a seed and a pair's key. Out: which video is shown first; and verdicts in the order of the file again.
//!
//! A judge that prefers whatever comes first is found out only if the better video comes first half of the time.

use rand::RngExt;
use vrt_core::pair::{PairKey, Preference, Verdict};
use vrt_core::rng::{Purpose, stream};

/// In which order the videos of a pair are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// As the file names them.
    AsFiled,
    /// The file's second video first.
    Swapped,
}

impl Sides {
    /// The order that a seed gives a pair: each half of the time, whatever other pairs there are.
    pub fn drawn(seed: u64, pair: PairKey) -> Self {
        match stream(seed, Purpose::Sides, 0, pair.0, 0).random_range(0..2) {
            0 => Self::AsFiled,
            _ => Self::Swapped,
        }
    }

    /// What belongs to each video, from the order of the file to the order in which they are shown, or back.
    pub fn arrange<T>(self, each: [T; 2]) -> [T; 2] {
        let [first, second] = each;
        match self {
            Self::AsFiled => [first, second],
            Self::Swapped => [second, first],
        }
    }

    /// A verdict from one order to the other.
    pub fn verdict(self, verdict: Verdict) -> Verdict {
        match self {
            Self::AsFiled => verdict,
            Self::Swapped => verdict.swapped(),
        }
    }

    /// A preference from one order to the other.
    pub fn preference(self, preference: Preference) -> Preference {
        match self {
            Self::AsFiled => preference,
            Self::Swapped => preference.swapped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_verdict() -> impl Strategy<Value = Verdict> {
        prop::array::uniform4(0u8..3).prop_map(|digits| {
            let [a, b, c, overall] = digits.map(|digit| Preference::from_digit(digit).unwrap());
            Verdict {
                dimensions: [a, b, c],
                overall,
            }
        })
    }

    proptest! {
        /// Whoever is better in the file is better after the swap and its undoing, and the other one between them.
        #[test]
        fn undoing_the_swap_gives_the_verdict_of_the_file(verdict in any_verdict(), seed in any::<u64>(), key in any::<u64>()) {
            let sides = Sides::drawn(seed, PairKey(key));
            prop_assert_eq!(sides, Sides::drawn(seed, PairKey(key)));
            let shown = sides.verdict(verdict);
            prop_assert_eq!(sides.verdict(shown), verdict);
            prop_assert_eq!(sides.preference(shown.overall), verdict.overall);
            // The name of the better video, wherever it stands.
            let better = |names: [&'static str; 2], overall: Preference| match overall {
                Preference::Tie => "neither",
                Preference::First => names[0],
                Preference::Second => names[1],
            };
            let names = ["left", "right"];
            prop_assert_eq!(better(sides.arrange(names), shown.overall), better(names, verdict.overall));
            prop_assert_eq!(sides.arrange(sides.arrange(names)), names);
        }
    }

    #[test]
    fn half_of_the_pairs_are_swapped_and_another_seed_swaps_others() {
        let swapped = |seed: u64| -> Vec<bool> {
            let sides = (0..4000).map(|key| Sides::drawn(seed, PairKey(key)));
            sides.map(|sides| sides == Sides::Swapped).collect()
        };
        let [one, two] = [1, 2].map(swapped);
        let count = one.iter().filter(|swapped| **swapped).count();
        // Six standard deviations of a fair coin.
        assert!((count as f64 - 2000.0).abs() < 190.0, "{count}");
        let alike = one.iter().zip(&two).filter(|(a, b)| a == b).count();
        assert!((alike as f64 - 2000.0).abs() < 190.0, "{alike}");
    }
}
