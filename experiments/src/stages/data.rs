//! In: a purpose, a seed, what is left out. Out: the pairs a stage trains on.

use vrt_core::pair::{PairKey, PreferencePair};

use super::first_pair;
use super::params::DataParams;
use crate::world::World;
use crate::world::split::{Length, Split, Training};

/// How far on the pair stands that takes the place of one that is left out; no stage draws as many.
const STRIDE: u32 = 100_000;

/// The pairs that one run of a stage trains on, numbered from 0.
pub struct TrainingPairs<'a> {
    world: &'a World,
    purpose: Training,
    first: u32,
    leave_out: Option<Length>,
}

impl<'a> TrainingPairs<'a> {
    /// The pairs of a purpose and a seed; each seed has pairs of its own.
    pub fn new(world: &'a World, purpose: Training, seed: u64, data: &DataParams) -> Self {
        Self {
            world,
            purpose,
            first: first_pair(seed),
            leave_out: data.leave_out,
        }
    }

    /// The key of the `number`-th pair. One of the length that is left out is replaced by the first of another length
    /// 100,000, 200,000, … numbers on, so that runs that leave out different lengths share all other pairs.
    pub fn key(&self, number: u32) -> PairKey {
        let split = Split::Train(self.purpose);
        let mut number = self.first + number;
        // A third of all pairs has any one length: this ends soon.
        while self.leave_out == Some(self.world.facts(split.key(number)).prompt.length) {
            number += STRIDE;
        }
        split.key(number)
    }

    /// The `number`-th pair.
    pub fn pair(&self, number: u32) -> PreferencePair {
        self.world.pair(self.key(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::config::WorldConfig;

    #[test]
    fn what_is_left_out_is_replaced_and_nothing_else_moves() {
        let world = World::new(2510, WorldConfig::default()).unwrap();
        let pairs =
            |leave_out| TrainingPairs::new(&world, Training::Grpo, 3, &DataParams { leave_out });
        let all = pairs(None);
        let mut seen = std::collections::HashSet::new();
        let mut replaced = 0;
        for number in 0..600 {
            let whole = all.key(number);
            assert_eq!(whole, Split::Train(Training::Grpo).key(12_000_000 + number));
            let key = pairs(Some(Length::Long)).key(number);
            let length = |key| world.facts(key).prompt.length;
            assert_ne!(length(key), Length::Long);
            assert_eq!(key == whole, length(whole) != Length::Long);
            assert!(seen.insert(key), "no pair comes twice");
            replaced += u32::from(key != whole);
        }
        assert!(
            (150..250).contains(&replaced),
            "{replaced} of 600 were long"
        );
    }
}
