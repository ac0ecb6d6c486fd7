//! In: what pairs are for. Out: their keys, which no other use can share.
//!
//! Layout of a [`PairKey`]: bits 56..64 the split (1 train, 2 design, 3 report), bits 48..56 its part
//! (the purpose of training, or the length class), bits 32..48 zero, bits 0..32 the number. The key
//! and the world's seed together are the pair.

use serde::{Deserialize, Serialize};
use vrt_core::pair::PairKey;

/// What training pairs are for: no two stages train on one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Training {
    /// The vision tower.
    Tower,
    /// The base's reports and answers.
    Base,
    /// Teacher traces.
    ColdStart,
    /// Rejection sampling.
    Rejection,
    /// GRPO.
    Grpo,
    /// When to stop training.
    Validation,
}

impl Training {
    /// Every purpose, in the order of its part of a key.
    pub const ALL: [Training; 6] = [
        Training::Tower,
        Training::Base,
        Training::ColdStart,
        Training::Rejection,
        Training::Grpo,
        Training::Validation,
    ];
}

/// One of the three held-out benchmarks: they stand where the paper has GenAI, VideoGen and MJ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// T = 24: the initial frames show half of what matters.
    Short,
    /// T = 48.
    Medium,
    /// T = 96: the initial frames show an eighth of it.
    Long,
}

impl Length {
    /// Every class, short to long.
    pub const ALL: [Length; 3] = [Length::Short, Length::Medium, Length::Long];

    /// The name of its held-out split.
    pub fn name(self) -> &'static str {
        ["short", "medium", "long"][self as usize]
    }

    /// `T`: frames of a video.
    pub fn frames(self) -> u32 {
        [24, 48, 96][self as usize]
    }
}

/// What a pair is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Training; the length is drawn.
    Train(Training),
    /// Held out for choosing between designs.
    Design(Length),
    /// Held out for the results that are reported, and used for nothing else.
    Report(Length),
}

const TRAIN: u64 = 1;
const DESIGN: u64 = 2;
const REPORT: u64 = 3;

impl Split {
    /// The key of the `number`-th pair.
    pub fn key(self, number: u32) -> PairKey {
        let (split, part) = match self {
            Split::Train(purpose) => (TRAIN, purpose as u64),
            Split::Design(length) => (DESIGN, length as u64),
            Split::Report(length) => (REPORT, length as u64),
        };
        PairKey(split << 56 | part << 48 | u64::from(number))
    }

    /// The keys of the first `count` pairs.
    pub fn keys(self, count: u32) -> impl Iterator<Item = PairKey> + Clone {
        (0..count).map(move |number| self.key(number))
    }

    /// What a key is for and its number, or `None` if no split made it.
    pub fn of(key: PairKey) -> Option<(Split, u32)> {
        let part = (key.0 >> 48 & 0xff) as usize;
        let number = u32::try_from(key.0 & 0xffff_ffff_ffff).ok()?;
        let split = match key.0 >> 56 {
            TRAIN => Split::Train(*Training::ALL.get(part)?),
            DESIGN => Split::Design(*Length::ALL.get(part)?),
            REPORT => Split::Report(*Length::ALL.get(part)?),
            _ => return None,
        };
        Some((split, number))
    }

    /// The length that the split fixes; training draws it.
    pub fn length(self) -> Option<Length> {
        match self {
            Split::Train(_) => None,
            Split::Design(length) | Split::Report(length) => Some(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn every_split() -> Vec<Split> {
        let train = Training::ALL.map(Split::Train);
        let design = Length::ALL.map(Split::Design);
        let report = Length::ALL.map(Split::Report);
        [train.as_slice(), &design, &report].concat()
    }

    #[test]
    fn no_two_splits_share_a_key() {
        let keys: Vec<PairKey> = every_split()
            .into_iter()
            .flat_map(|s| s.keys(500))
            .collect();
        let distinct: HashSet<PairKey> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    proptest! {
        #[test]
        fn a_key_tells_its_split_and_number(which in 0usize..12, number: u32) {
            let split = every_split()[which];
            prop_assert_eq!(Split::of(split.key(number)), Some((split, number)));
        }

        #[test]
        fn a_key_outside_the_layout_is_of_no_split(number: u32, part in 6u64..256, split in 0u64..256) {
            let key = PairKey(split << 56 | part << 48 | u64::from(number));
            prop_assert_eq!(Split::of(key), None);
        }
    }
}
