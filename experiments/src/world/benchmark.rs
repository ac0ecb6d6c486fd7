//! In: shares of lengths and labels. Out: a held-out benchmark: its pairs, and the hard ones among them.
//!
//! The pure splits of the world have one length each and as many ties as chance gives. A benchmark mixes lengths and
//! fixes how many pairs of each length are ties or won by either video, as published benchmarks differ in both.

use serde::{Deserialize, Serialize};
use vrt_core::condition::top_tenth;
use vrt_core::pair::{PairKey, Preference};

use super::World;
use super::split::{Length, Split};

/// Pair numbers that one benchmark may draw from. The first block belongs to the pure splits.
const BLOCK: u32 = 1_000_000;

/// What a benchmark is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// Shares of pairs of 24, 48 and 96 frames a video.
    pub lengths: Shares,
    /// Shares of overall labels: tie, video 1 better, video 2 better.
    pub labels: Shares,
}

/// Three shares of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 3]", into = "[f64; 3]")]
pub struct Shares([f64; 3]);

/// Numbers that are no shares.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0:?} are no shares: write three numbers of 0 or more that add up to 1")]
pub struct SharesError([f64; 3]);

impl TryFrom<[f64; 3]> for Shares {
    type Error = SharesError;

    fn try_from(shares: [f64; 3]) -> Result<Self, SharesError> {
        let each = shares.iter().all(|share| (0.0..=1.0).contains(share));
        let whole = (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9;
        if each && whole {
            Ok(Self(shares))
        } else {
            Err(SharesError(shares))
        }
    }
}

impl From<Shares> for [f64; 3] {
    fn from(shares: Shares) -> Self {
        shares.0
    }
}

impl Shares {
    /// Whole numbers in these shares that sum to `total`: the largest remainders are rounded up, the first on a draw.
    pub fn of(self, total: u32) -> [u32; 3] {
        let exact = self.0.map(|share| share * f64::from(total));
        let mut counts = exact.map(|count| (count + 1e-9).floor() as u32);
        let mut order = [0, 1, 2];
        order.sort_by(|&a, &b| {
            let remainder = |i: usize| exact[i] - f64::from(counts[i]);
            remainder(b).total_cmp(&remainder(a))
        });
        let left = total.saturating_sub(counts.iter().sum());
        for &i in order.iter().take(left as usize) {
            counts[i] += 1;
        }
        counts
    }
}

/// Which pairs of a benchmark are judged, and how they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All of them.
    Whole,
    /// The tenth with the longest videos.
    LongestVideos,
    /// The tenth with the longest captions, in characters.
    LongestCaptions,
    /// Those of neither tenth.
    Rest,
    /// All whose frames still have names when random ones are duplicated until there are twice as many.
    Redundant,
}

impl Condition {
    /// The name of its split of a benchmark: the benchmark's own, or `benchmark.condition`.
    pub fn split(self, benchmark: &str) -> String {
        let name = match self {
            Condition::Whole => return benchmark.to_owned(),
            Condition::LongestVideos => "longest_videos",
            Condition::LongestCaptions => "longest_captions",
            Condition::Rest => "rest",
            Condition::Redundant => "redundant",
        };
        format!("{benchmark}.{name}")
    }

    /// Its pairs among those of a benchmark, in their order.
    pub fn select(self, world: &World, keys: &[PairKey]) -> Vec<PairKey> {
        let frames = |key: &PairKey| world.facts(*key).prompt.frames() as usize;
        let letters = |key: &PairKey| world.facts(*key).prompt.caption().chars().count();
        let tenth = |of: &dyn Fn(&PairKey) -> usize| {
            let values: Vec<usize> = keys.iter().map(of).collect();
            top_tenth(&values)
        };
        match self {
            Condition::Whole => keys.to_vec(),
            Condition::LongestVideos => pick(keys, tenth(&frames)),
            Condition::LongestCaptions => pick(keys, tenth(&letters)),
            Condition::Rest => {
                let hard = tenth(&frames).into_iter().zip(tenth(&letters));
                pick(keys, hard.map(|(video, caption)| !video && !caption))
            }
            Condition::Redundant => {
                let longest = Length::Long.frames() as usize;
                pick(keys, keys.iter().map(|key| 2 * frames(key) <= longest))
            }
        }
    }
}

fn pick(keys: &[PairKey], members: impl IntoIterator<Item = bool>) -> Vec<PairKey> {
    let both = keys.iter().zip(members);
    both.filter(|(_, member)| *member)
        .map(|(key, _)| *key)
        .collect()
}

/// The world does not have the pairs that a benchmark asks for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{wanted} {length} pairs labelled {label} are wanted and {BLOCK} pairs of this world hold {found}: \
     change the benchmark's labels, or the chances of the world"
)]
pub struct BenchmarkError {
    /// Pairs of this kind that are wanted.
    pub wanted: u32,
    /// Their length.
    pub length: &'static str,
    /// Their label: 0 tie, 1, 2.
    pub label: u8,
    /// How many there are.
    pub found: u32,
}

impl Benchmark {
    /// Its pairs: short before long, ascending by number. `split` makes the key, `block` (from 1) keeps the pairs of two
    /// benchmarks apart.
    ///
    /// # Errors
    /// [`BenchmarkError`] if the world never, or hardly ever, gives a label that is asked for.
    pub fn keys(
        &self,
        world: &World,
        split: impl Fn(Length) -> Split,
        block: u32,
        pairs: u32,
    ) -> Result<Vec<PairKey>, BenchmarkError> {
        let mut keys = Vec::with_capacity(pairs as usize);
        for (length, count) in Length::ALL.into_iter().zip(self.lengths.of(pairs)) {
            let wanted = self.labels.of(count);
            let mut open = wanted;
            let mut numbers = block * BLOCK..(block + 1) * BLOCK;
            while open != [0; 3] {
                let Some(number) = numbers.next() else {
                    let label = open.iter().position(|left| *left > 0).unwrap_or(0);
                    return Err(BenchmarkError {
                        wanted: wanted[label],
                        length: length.name(),
                        label: label as u8,
                        found: wanted[label] - open[label],
                    });
                };
                let key = split(length).key(number);
                let overall: Preference = world.facts(key).truth().overall;
                let left = &mut open[usize::from(overall.digit())];
                if *left > 0 {
                    *left -= 1;
                    keys.push(key);
                }
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::world::config::WorldConfig;
    use crate::world::subject::Event;

    fn world() -> World {
        World::new(4, WorldConfig::default()).unwrap()
    }

    fn shares(shares: [f64; 3]) -> Shares {
        Shares::try_from(shares).unwrap()
    }

    fn tied() -> Benchmark {
        Benchmark {
            lengths: shares([0.2, 0.7, 0.1]),
            labels: shares([0.6, 0.25, 0.15]),
        }
    }

    #[test]
    fn a_benchmark_has_its_lengths_and_labels_to_the_pair() {
        let world = world();
        let keys = tied().keys(&world, Split::Design, 1, 200).unwrap();
        assert!(keys.is_sorted_by(|a, b| a < b));
        let count = |of: &dyn Fn(&PairKey) -> bool| keys.iter().filter(|key| of(key)).count();
        for (length, expected) in Length::ALL.into_iter().zip([40, 140, 20]) {
            assert_eq!(
                count(&|key| world.facts(*key).prompt.length == length),
                expected
            );
        }
        for (label, expected) in [(0, 120), (1, 50), (2, 30)] {
            let labelled = |key: &PairKey| world.facts(*key).truth().overall.digit() == label;
            assert_eq!(count(&labelled), expected);
        }
    }

    #[test]
    fn benchmarks_and_pure_splits_share_no_pair() {
        let world = world();
        let mut keys: Vec<PairKey> = Split::Report(Length::Medium).keys(300).collect();
        for block in 1..4 {
            keys.extend(tied().keys(&world, Split::Report, block, 300).unwrap());
        }
        let distinct: HashSet<PairKey> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn a_label_that_the_world_never_gives_is_named() {
        let flawless = WorldConfig {
            p_event: 0.0,
            p_global: 0.0,
            p_site: 0.0,
            ..WorldConfig::default()
        };
        let world = World::new(4, flawless).unwrap();
        let decided = Benchmark {
            lengths: shares([1.0, 0.0, 0.0]),
            labels: shares([0.0, 1.0, 0.0]),
        };
        let error = decided.keys(&world, Split::Design, 1, 5).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "5 short pairs labelled 1 are wanted and 1000000 pairs of this world hold 0"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_hard_tenths_are_the_longest_and_the_rest_is_neither() {
        let world = world();
        let keys = tied().keys(&world, Split::Design, 2, 400).unwrap();
        let select = |condition: Condition| condition.select(&world, &keys);
        let videos = select(Condition::LongestVideos);
        assert_eq!(videos.len(), 40);
        assert!(
            videos
                .iter()
                .all(|key| world.facts(*key).prompt.length == Length::Long)
        );
        let captions = select(Condition::LongestCaptions);
        assert_eq!(captions.len(), 40);
        let letters = |key: &PairKey| world.facts(*key).prompt.caption().len();
        let shortest = captions.iter().map(letters).min();
        let others = keys.iter().filter(|key| !captions.contains(key));
        assert!(others.map(letters).max() <= shortest);
        let asks = |key: &&PairKey| world.facts(**key).prompt.event != Event::None;
        assert!(
            captions.iter().filter(asks).count() > 20,
            "long captions ask for events"
        );
        let rest = select(Condition::Rest);
        let both = videos.iter().filter(|key| captions.contains(key)).count();
        assert_eq!(rest.len(), keys.len() - 80 + both);
        assert!(
            rest.iter()
                .all(|key| !videos.contains(key) && !captions.contains(key))
        );
        assert_eq!(select(Condition::Redundant).len(), 360);
        assert_eq!(select(Condition::Whole), keys);
    }

    #[test]
    fn numbers_that_are_no_shares_are_refused() {
        for wrong in [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [f64::NAN, 0.5, 0.5]] {
            assert!(Shares::try_from(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_of_a_total_sum_to_it_and_are_off_by_less_than_one(a in 0.0..1.0f64, b in 0.0..1.0f64, total in 0u32..5000) {
            let (low, high) = (a.min(b), a.max(b));
            let shares = shares([low, high - low, 1.0 - high]);
            let counts = shares.of(total);
            prop_assert_eq!(counts.iter().sum::<u32>(), total);
            for (count, share) in counts.into_iter().zip(<[f64; 3]>::from(shares)) {
                prop_assert!((f64::from(count) - share * f64::from(total)).abs() < 1.0 + 1e-6);
            }
        }
    }
}
