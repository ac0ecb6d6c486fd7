//! In: how pairs are to be judged. Out: which ones, split by split: the same for every judge.

use vrt_core::condition::redundant;
use vrt_core::pair::{PairKey, PreferencePair};

use super::WORLD_SEED;
use super::params::{EvalParams, HeldOut};
use crate::world::World;
use crate::world::benchmark::{BenchmarkError, Condition};
use crate::world::split::{Length, Split};

/// One split of the judgments.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its name in the rows.
    pub split: String,
    /// Its pairs.
    pub keys: Vec<PairKey>,
    /// Whether frames are duplicated.
    redundant: bool,
}

impl Asked {
    /// Whether its frames are duplicated.
    pub fn is_redundant(&self) -> bool {
        self.redundant
    }

    /// A pair as it is shown.
    pub fn pair(&self, world: &World, key: PairKey) -> PreferencePair {
        let pair = world.pair(key);
        if self.redundant {
            redundant(&pair, WORLD_SEED)
        } else {
            pair
        }
    }
}

impl EvalParams {
    fn split(&self, length: Length) -> Split {
        match self.held_out {
            HeldOut::Design => Split::Design(length),
            HeldOut::Report => Split::Report(length),
        }
    }

    /// What is judged.
    ///
    /// # Errors
    /// [`BenchmarkError`] if the world does not have the pairs that a benchmark asks for.
    pub fn population(&self, world: &World) -> Result<Vec<Asked>, BenchmarkError> {
        if self.benchmarks.is_empty() {
            let pure = |&length: &Length| Asked {
                split: length.name().to_owned(),
                keys: self.split(length).keys(self.pairs_per_split).collect(),
                redundant: false,
            };
            return Ok(self.splits.iter().map(pure).collect());
        }
        let mut asked = Vec::new();
        for (block, (name, benchmark)) in (1..).zip(&self.benchmarks) {
            let split = |length| self.split(length);
            let keys = benchmark.keys(world, split, block, self.pairs_per_split)?;
            asked.extend(self.conditions.iter().map(|condition| Asked {
                split: condition.split(name),
                keys: condition.select(world, &keys),
                redundant: *condition == Condition::Redundant,
            }));
        }
        Ok(asked)
    }

    /// About how many pairs that is.
    pub fn judgments(&self) -> f64 {
        let each = f64::from(self.pairs_per_split);
        if self.benchmarks.is_empty() {
            return each * self.splits.len() as f64;
        }
        let share = |condition: &Condition| match condition {
            Condition::LongestVideos | Condition::LongestCaptions => 0.1,
            Condition::Rest => 0.8,
            Condition::Whole | Condition::Redundant => 1.0,
        };
        let shares: f64 = self.conditions.iter().map(share).sum();
        each * self.benchmarks.len() as f64 * shares
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::benchmark::{Benchmark, Shares};
    use crate::world::config::WorldConfig;

    fn benchmark() -> Benchmark {
        let shares = |shares: [f64; 3]| Shares::try_from(shares).unwrap();
        Benchmark {
            lengths: shares([0.5, 0.4, 0.1]),
            labels: shares([0.5, 0.25, 0.25]),
        }
    }

    #[test]
    fn without_benchmarks_the_pure_splits_are_asked() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let params = EvalParams {
            pairs_per_split: 3,
            splits: vec![Length::Long, Length::Short],
            ..EvalParams::default()
        };
        let asked = params.population(&world).unwrap();
        let expected = [Length::Long, Length::Short].map(|length| Asked {
            split: length.name().to_owned(),
            keys: Split::Report(length).keys(3).collect(),
            redundant: false,
        });
        assert_eq!(asked, expected);
        assert_eq!(params.judgments(), 6.0);
    }

    #[test]
    fn each_condition_of_each_benchmark_is_a_split_and_only_the_redundant_one_shows_frames_twice() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let params = EvalParams {
            pairs_per_split: 40,
            benchmarks: BTreeMap::from(["b", "a"].map(|name| (name.to_owned(), benchmark()))),
            conditions: vec![
                Condition::Whole,
                Condition::LongestVideos,
                Condition::Redundant,
            ],
            held_out: HeldOut::Design,
            ..EvalParams::default()
        };
        let asked = params.population(&world).unwrap();
        let names: Vec<&str> = asked.iter().map(|asked| asked.split.as_str()).collect();
        assert_eq!(
            names,
            [
                "a",
                "a.longest_videos",
                "a.redundant",
                "b",
                "b.longest_videos",
                "b.redundant"
            ]
        );
        let sizes: Vec<usize> = asked.iter().map(|asked| asked.keys.len()).collect();
        assert_eq!(sizes, [40, 4, 36, 40, 4, 36]);
        assert!(asked[0].keys.iter().all(|key| !asked[3].keys.contains(key)));
        for asked in &asked {
            let times = if asked.split.ends_with(".redundant") {
                2
            } else {
                1
            };
            for &key in &asked.keys {
                let shown = asked.pair(&world, key).pool().total();
                assert_eq!(shown, times * world.pair(key).pool().total());
                assert!(shown <= 2 * Length::Long.frames());
            }
        }
    }
}
