//! In: how pairs are to be judged. Out: which ones, split by split: the same for every judge.

use vrt_core::pair::{PairKey, PreferencePair};

use super::WORLD_SEED;
use super::params::{EvalParams, HeldOut};
use crate::world::World;
use crate::world::benchmark::{BenchmarkError, Condition};
use crate::world::redundant::redundant;
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
