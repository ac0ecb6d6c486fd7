//! In: labels and answers. Out: tau and diff with their intervals, beside what always answering a tie would score.

use serde::{Deserialize, Serialize};
use vrt_core::pair::{Preference, Verdict};
use vrt_train::bootstrap::{Distribution, Interval, Weights};

/// Which overall preference of a verdict is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverallRule {
    /// The one that the judge states, as the paper does.
    #[default]
    Stated,
    /// The one that two or three of the dimensions share; without one, a tie.
    Majority,
}

impl OverallRule {
    /// The overall preference of a verdict.
    pub fn of(self, verdict: &Verdict) -> Preference {
        match self {
            Self::Stated => verdict.overall,
            Self::Majority => {
                let count = |wanted| {
                    let votes = verdict.dimensions.iter();
                    votes.filter(|vote| **vote == wanted).count()
                };
                let decided = [Preference::First, Preference::Second];
                let shared = decided.into_iter().find(|wanted| count(*wanted) >= 2);
                shared.unwrap_or(Preference::Tie)
            }
        }
    }
}

/// How well labels were met, in percent. A pair without an answer is wrong, and no tie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Labelled pairs.
    pub pairs: usize,
    /// Those whose label is no tie.
    pub decided: usize,
    /// Those without an answer.
    pub no_answer: usize,
    /// `tau` of always answering a tie.
    pub always_tie: f64,
    /// Right answers among all pairs.
    pub tau: Interval,
    /// Right answers among the decided pairs; a predicted tie is wrong. Absent where no pair is decided.
    pub diff: Option<Interval>,
}

/// A score with all its resamples.
pub(super) struct Scored {
    pub score: Score,
    tau: Distribution,
    diff: Option<Distribution>,
}

/// How much better one score is than another of the same pairs, paired by pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Of `tau`, in points.
    pub tau: Interval,
    /// Of `diff`, in points.
    pub diff: Option<Interval>,
}

impl Scored {
    /// The score of the members whose label is known; `None` where there is none.
    pub(super) fn of(
        weights: &Weights,
        labels: &[Option<Preference>],
        answers: &[Option<Preference>],
        member: &[bool],
    ) -> Option<Self> {
        let each = || labels.iter().zip(answers).zip(member);
        let counted: Vec<u32> = each()
            .map(|((label, _), member)| u32::from(*member && label.is_some()))
            .collect();
        let decided: Vec<u32> = each()
            .zip(&counted)
            .map(|(((label, _), _), counted)| counted * u32::from(*label != Some(Preference::Tie)))
            .collect();
        let right = |among: &[u32]| -> Vec<u32> {
            each()
                .zip(among)
                .map(|(((label, answer), _), among)| among * u32::from(label == answer))
                .collect()
        };
        let tau = weights.share(&counted, &[right(&counted)])?;
        let diff = weights.share(&decided, &[right(&decided)]);
        let sum = |ones: &[u32]| ones.iter().sum::<u32>() as usize;
        let silent = each().zip(&counted);
        let (pairs, decided) = (sum(&counted), sum(&decided));
        Some(Self {
            score: Score {
                pairs,
                decided,
                no_answer: silent
                    .filter(|(((_, answer), _), counted)| answer.is_none() && **counted == 1)
                    .count(),
                always_tie: 100.0 * (pairs - decided) as f64 / pairs as f64,
                tau: tau.interval(),
                diff: diff.as_ref().map(Distribution::interval),
            },
            tau,
            diff,
        })
    }

    /// The change from another score of the same pairs.
    pub(super) fn since(&self, other: &Self) -> Change {
        let diff = self.diff.as_ref().zip(other.diff.as_ref());
        Change {
            tau: self.tau.minus(&other.tau).interval(),
            diff: diff.map(|(ours, theirs)| ours.minus(theirs).interval()),
        }
    }
}

#[cfg(test)]
mod tests {
    use Preference::{First, Second, Tie};

    use super::*;

    #[test]
    fn a_score_by_hand() {
        let labels = [First, Second, Tie, Tie, First, Second, First].map(Some);
        let mut labels = labels.to_vec();
        labels.push(None);
        let answers = [
            Some(First),  // right
            Some(First),  // wrong
            Some(Tie),    // right
            None,         // silence is no tie
            Some(Tie),    // a tie on a decided pair
            Some(Second), // right
            Some(First),  // right, but no member
            Some(Tie),    // nobody knows
        ];
        let mut member = vec![true; 8];
        member[6] = false;
        let weights = Weights::draw(&["all"; 8], 1);
        let scored = Scored::of(&weights, &labels, &answers, &member).unwrap();
        let score = scored.score;
        assert_eq!((score.pairs, score.decided, score.no_answer), (6, 4, 1));
        assert_eq!(score.tau.value, 50.0);
        assert_eq!(score.diff.unwrap().value, 50.0);
        assert!((score.always_tie - 100.0 / 3.0).abs() < 1e-12);
        let none = scored.since(&scored);
        assert_eq!((none.tau.low, none.tau.high), (0.0, 0.0));
    }

    #[test]
    fn always_answering_a_tie_scores_the_base_rate() {
        let labels = [Tie, First, Tie, Second, Tie].map(Some);
        let answers = [Some(Tie); 5];
        let weights = Weights::draw(&["all"; 5], 1);
        let score = Scored::of(&weights, &labels, &answers, &[true; 5]).unwrap();
        assert_eq!(score.score.tau.value, score.score.always_tie);
        assert_eq!(score.score.diff.unwrap().value, 0.0);
    }

    #[test]
    fn the_interval_is_the_binomials() {
        // 283 and 317 of 400: 2.5 % and 97.5 % of Binomial(400, 3/4), summed exactly.
        let answers: Vec<_> = (0..400)
            .map(|pair| Some(if pair % 4 == 0 { Second } else { First }))
            .collect();
        let weights = Weights::draw(&["all"; 400], 1);
        let scored = Scored::of(&weights, &[Some(First); 400], &answers, &[true; 400]).unwrap();
        let Interval { value, low, high } = scored.score.tau;
        assert_eq!(value, 75.0);
        assert!((low - 70.75).abs() <= 0.25 && (high - 79.25).abs() <= 0.25);
        assert_eq!(scored.score.diff, Some(scored.score.tau));
    }

    #[test]
    fn where_no_label_is_known_there_is_no_score() {
        let weights = Weights::draw(&["all"; 2], 1);
        assert!(Scored::of(&weights, &[None, None], &[Some(Tie); 2], &[true; 2]).is_none());
        let ties = Scored::of(&weights, &[Some(Tie); 2], &[Some(Tie); 2], &[true; 2]);
        assert_eq!(ties.unwrap().score.diff, None);
    }

    #[test]
    fn a_majority_is_two_of_three() {
        let overall = |dimensions| {
            let verdict = Verdict {
                dimensions,
                overall: Second,
            };
            assert_eq!(OverallRule::Stated.of(&verdict), Second);
            OverallRule::Majority.of(&verdict)
        };
        assert_eq!(overall([First, Tie, First]), First);
        assert_eq!(overall([Second, Second, First]), Second);
        assert_eq!(overall([First, Second, Tie]), Tie);
        assert_eq!(overall([First, Tie, Tie]), Tie);
    }
}
