//! In: which pairs count, and which were right, for one or more seeds. Out: shares with their 95 % intervals.
//!
//! The percentile bootstrap (Efron, 1979), stratified. One set of weights serves all that is compared, so that the
//! difference of two shares is the difference of their resampled values: paired by pair, and by seed where there
//! are several.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use vrt_core::rng::{Purpose, stream};

/// Resamples behind every interval.
pub const RESAMPLES: usize = 2000;

/// An estimate with its 95 % interval, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value on all pairs.
    pub value: f64,
    /// 2.5 % of the resamples are below.
    pub low: f64,
    /// 2.5 % of the resamples are above.
    pub high: f64,
}

impl Interval {
    /// Half the interval's width: the `±` of tables.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// A value and what it became in every resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    value: f64,
    resampled: Vec<f64>,
}

impl Distribution {
    fn with(&self, other: &Self, both: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.resampled.iter().zip(&other.resampled);
        Self {
            value: both(self.value, other.value),
            resampled: pairs.map(|(&a, &b)| both(a, b)).collect(),
        }
    }

    /// The difference to another distribution over the same resamples.
    pub fn minus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    /// The sum with another distribution over the same resamples.
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    /// The larger of the two in every resample: which of them is best is drawn anew each time.
    pub fn max(&self, other: &Self) -> Self {
        self.with(other, f64::max)
    }

    /// The value with its 95 % percentile interval.
    pub fn interval(&self) -> Interval {
        let mut sorted: Vec<f64> = self
            .resampled
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (sorted.len().saturating_sub(1)) as f64;
            let below = place.floor() as usize;
            let (Some(&a), Some(&b)) = (sorted.get(below), sorted.get(place.ceil() as usize))
            else {
                return self.value;
            };
            a + (b - a) * (place - below as f64)
        };
        Interval {
            value: self.value,
            low: at(0.025),
            high: at(0.975),
        }
    }
}

/// How often each resample drew each pair (within its stratum) and each seed.
#[derive(Clone, Debug)]
pub struct Weights {
    pairs: usize,
    seeds: usize,
    /// Row `r` holds how often resample `r` drew each pair.
    pair_counts: Vec<u16>,
    /// Row `r` holds how often resample `r` drew each seed.
    seed_counts: Vec<u16>,
}

impl Weights {
    /// Draws the weights of pairs, one entry of `strata` a pair, that are judged under this many seeds.
    pub fn draw(strata: &[&str], seeds: usize) -> Self {
        let pairs = strata.len();
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (pair, stratum) in strata.iter().enumerate() {
            members.entry(stratum).or_default().push(pair);
        }
        let mut pair_counts = vec![0u16; pairs * RESAMPLES];
        let mut seed_counts = vec![0u16; seeds * RESAMPLES];
        for r in 0..RESAMPLES {
            let counts = &mut pair_counts[r * pairs..(r + 1) * pairs];
            for (s, members) in members.values().enumerate() {
                let mut rng = stream(0, Purpose::Bootstrap, 0, s as u64, r as u64);
                for _ in members {
                    let drawn = members[rng.random_range(0..members.len())];
                    counts[drawn] = counts[drawn].saturating_add(1);
                }
            }
            let mut rng = stream(0, Purpose::Bootstrap, 1, 0, r as u64);
            for _ in 0..seeds {
                seed_counts[r * seeds + rng.random_range(0..seeds)] += 1;
            }
        }
        Self {
            pairs,
            seeds,
            pair_counts,
            seed_counts,
        }
    }

    /// Seeds that the weights were drawn for.
    pub fn seeds(&self) -> usize {
        self.seeds
    }

    /// The share of the counted pairs that were right, in percent, with all its resamples; `None` where no pair counts.
    ///
    /// `counted` holds 0 or 1 a pair, `right` the same for each seed; what does not count is not right.
    pub fn share(&self, counted: &[u32], right: &[Vec<u32>]) -> Option<Distribution> {
        let total: u32 = counted.iter().sum();
        if total == 0 {
            return None;
        }
        let hits: u32 = right.iter().flatten().sum();
        let resampled = (0..RESAMPLES)
            .map(|r| {
                let of = f64::from(self.dot(r, counted)) * self.seeds as f64;
                100.0 * self.drawn(r, right) / of
            })
            .collect();
        Some(Distribution {
            value: 100.0 * f64::from(hits) / (f64::from(total) * self.seeds as f64),
            resampled,
        })
    }

    /// What all `values` add up to, for each one that `per` counts, with all its resamples; `None` where nothing is counted.
    ///
    /// Both hold one list a seed, one number a pair: calls and episodes, tokens and units. Unlike a share's, the number of
    /// those that count may be another one for each seed.
    pub fn ratio(&self, values: &[Vec<u32>], per: &[Vec<u32>]) -> Option<Distribution> {
        let sum =
            |lists: &[Vec<u32>]| -> f64 { lists.iter().flatten().copied().map(f64::from).sum() };
        let total = sum(per);
        if total == 0.0 {
            return None;
        }
        let resampled = (0..RESAMPLES).map(|r| self.drawn(r, values) / self.drawn(r, per));
        Some(Distribution {
            value: sum(values) / total,
            resampled: resampled.collect(),
        })
    }

    /// What resample `r` makes of one number a pair.
    fn dot(&self, r: usize, values: &[u32]) -> u32 {
        let weights = &self.pair_counts[r * self.pairs..(r + 1) * self.pairs];
        let both = weights.iter().zip(values);
        both.map(|(&w, &v)| u32::from(w) * v).sum()
    }

    /// The same of one list a seed.
    fn drawn(&self, r: usize, lists: &[Vec<u32>]) -> f64 {
        let seeds = &self.seed_counts[r * self.seeds..(r + 1) * self.seeds];
        let drawn = seeds.iter().zip(lists).filter(|(count, _)| **count > 0);
        drawn
            .map(|(&count, values)| f64::from(count) * f64::from(self.dot(r, values)))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_interpolated_as_pythons_inclusive_quantiles() {
        // statistics.quantiles(values, n=40, method="inclusive"): the first and the last cut.
        let distribution = Distribution {
            value: 3.0,
            resampled: vec![3.0, 1.5, f64::NAN, -2.0, 7.25, 4.0, 0.5, 9.0],
        };
        let Interval { low, high, .. } = distribution.interval();
        assert!((low - -1.625).abs() < 1e-12, "{low}");
        assert!((high - 8.7375).abs() < 1e-12, "{high}");
    }

    #[test]
    fn the_interval_of_a_share_is_the_binomials() {
        // 2.5 % and 97.5 % of Binomial(n, p), summed exactly: what infinitely many resamples would give.
        for (pairs, right, low, high) in [(400, 300, 283, 317), (40, 12, 7, 18)] {
            let weights = Weights::draw(&vec!["all"; pairs], 1);
            let hits = (0..pairs).map(|pair| u32::from(pair < right)).collect();
            let share = weights.share(&vec![1; pairs], &[hits]).unwrap().interval();
            let percent = |count: usize| 100.0 * count as f64 / pairs as f64;
            assert_eq!(share.value, percent(right));
            let grain = percent(1) + 1e-9;
            assert!((share.low - percent(low)).abs() <= grain, "{share:?}");
            assert!((share.high - percent(high)).abs() <= grain, "{share:?}");
        }
    }

    #[test]
    fn a_difference_is_paired() {
        let weights = Weights::draw(&["all"; 50], 1);
        let right: Vec<u32> = (0..50).map(|pair| pair % 2).collect();
        let one = weights.share(&[1; 50], &[right]).unwrap();
        let none = one.minus(&one).interval();
        assert_eq!((none.value, none.low, none.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn nothing_counted_is_no_share() {
        let weights = Weights::draw(&["all"; 3], 1);
        assert_eq!(weights.share(&[0; 3], &[vec![0; 3]]), None);
    }

    #[test]
    fn a_ratio_divides_by_what_was_counted_in_the_same_resample() {
        let weights = Weights::draw(&["all"; 40], 2);
        let units: Vec<Vec<u32>> = [1, 3]
            .map(|more| (0..40).map(|pair| more + pair % 3).collect())
            .to_vec();
        let tokens: Vec<Vec<u32>> = units
            .iter()
            .map(|units| units.iter().map(|n| 7 * n).collect())
            .collect();
        let exact = weights.ratio(&tokens, &units).unwrap().interval();
        assert_eq!((exact.value, exact.low, exact.high), (7.0, 7.0, 7.0));
        let ones = vec![vec![1; 40]; 2];
        let mean = weights.ratio(&units, &ones).unwrap().interval();
        assert_eq!(mean.value, (1.975 + 3.975) / 2.0);
        // Two seeds that far apart: each resample may draw either one alone.
        assert!(mean.low < 2.3 && mean.high > 3.7, "{mean:?}");
        assert_eq!(weights.ratio(&units, &[vec![0; 40], vec![0; 40]]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_share_is_a_ratio(right in prop::collection::vec(0u32..2, 12), counted in prop::collection::vec(0u32..2, 12)) {
            let weights = Weights::draw(&["all"; 12], 1);
            let hits: Vec<u32> = right.iter().zip(&counted).map(|(a, b)| a * b).collect();
            let percent: Vec<u32> = hits.iter().map(|hit| 100 * hit).collect();
            let share = weights.share(&counted, &[hits]).map(|of| of.interval());
            let ratio = weights.ratio(&[percent], std::slice::from_ref(&counted)).map(|of| of.interval());
            prop_assert_eq!(share, ratio);
        }

        #[test]
        fn every_resample_draws_as_many_as_there_are_of_each_stratum(strata in prop::collection::vec(0usize..3, 1..30), seeds in 1usize..4) {
            let strata: Vec<&str> = strata.iter().map(|stratum| ["a", "b", "c"][*stratum]).collect();
            let weights = Weights::draw(&strata, seeds);
            for drawn in weights.pair_counts.chunks(strata.len()) {
                for stratum in ["a", "b", "c"] {
                    let of = |count: &u16| usize::from(*count);
                    let members = strata.iter().zip(drawn).filter(|(name, _)| **name == stratum);
                    let (size, sum) = members.fold((0, 0), |(size, sum), (_, count)| (size + 1, sum + of(count)));
                    prop_assert_eq!(size, sum);
                }
            }
            for drawn in weights.seed_counts.chunks(seeds) {
                prop_assert_eq!(drawn.iter().map(|count| usize::from(*count)).sum::<usize>(), seeds);
            }
        }
    }
}
