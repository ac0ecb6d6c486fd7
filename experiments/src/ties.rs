//! In: margins of scalar rewards, and labels. Out: from which margin on a preference is called, and what that makes.
//!
//! A scalar reward never calls a tie. VideoAlign's metric calls one where `|m| ≤ ε`, with the `ε` among the margins
//! themselves that makes most judgments right: `max_ε (C + T_hm) / (C + D + T_h + T_m + T_hm)`. It is chosen on the very
//! pairs that are scored, so it is the best that the rewards can be read as.

use vrt_core::pair::Preference;

/// The preference that a margin stands for when `|m| ≤ epsilon` is a tie.
pub fn preference(margin: f64, epsilon: f64) -> Preference {
    if margin.abs() <= epsilon {
        Preference::Tie
    } else if margin > 0.0 {
        Preference::First
    } else {
        Preference::Second
    }
}

/// The threshold, 0 or one of the `|m|`, with which most labels are met; the smallest of several.
pub fn calibrate(judged: &[(f64, Preference)]) -> f64 {
    let mut sorted: Vec<(f64, Preference)> = judged.to_vec();
    sorted.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let met = |&(margin, label): &(f64, Preference), epsilon| {
        i64::from(preference(margin, epsilon) == label)
    };
    let mut right: i64 = sorted.iter().map(|one| met(one, 0.0)).sum();
    let (mut best, mut epsilon) = (right, 0.0);
    // Raising the threshold to the next margin changes the judgments of exactly those that have it.
    for same in sorted.chunk_by(|a, b| a.0.abs() == b.0.abs()) {
        let threshold = same[0].0.abs();
        let before: i64 = same.iter().map(|one| met(one, 0.0)).sum();
        let after: i64 = same.iter().map(|one| met(one, threshold)).sum();
        right += after - before;
        if right > best {
            (best, epsilon) = (right, threshold);
        }
    }
    epsilon
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABELS: [Preference; 3] = [Preference::Tie, Preference::First, Preference::Second];

    fn accuracy(judged: &[(f64, Preference)], epsilon: f64) -> f64 {
        let right = judged
            .iter()
            .filter(|(m, label)| preference(*m, epsilon) == *label);
        right.count() as f64 / judged.len().max(1) as f64
    }

    #[test]
    fn a_small_table_by_hand() {
        use Preference::{First, Second, Tie};
        let judged = [
            (0.1, Tie),
            (-0.2, Tie),
            (0.3, First),
            (-0.4, Tie),
            (0.9, First),
            (-1.5, Second),
            (2.0, Second),
        ];
        // ε = 0: 0.3, 0.9 and −1.5 are right; .1: 4; .2: 5; .3: 4; .4: 5; beyond that each costs one.
        assert_eq!(calibrate(&judged), 0.2);
        assert!((accuracy(&judged, 0.2) - 5.0 / 7.0).abs() < 1e-12);
        assert_eq!(calibrate(&[]), 0.0);
    }

    proptest! {
        #[test]
        fn no_other_threshold_is_better(judged in prop::collection::vec((-8i8..8, 0usize..3), 0..40)) {
            let judged: Vec<_> = judged
                .into_iter()
                .map(|(margin, label)| (f64::from(margin) / 4.0, LABELS[label]))
                .collect();
            let ours = calibrate(&judged);
            for epsilon in judged.iter().map(|(margin, _)| margin.abs()).chain([0.0]) {
                let (here, there) = (accuracy(&judged, ours), accuracy(&judged, epsilon));
                prop_assert!(here > there || (here == there && ours <= epsilon));
            }
        }
    }
}
