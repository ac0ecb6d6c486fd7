//! In: a scored group and its advantages. Out: who won, and because of which term.

use std::fmt;

use vrt_core::reward::{Judged, RewardSheet, Score};

use crate::advantage::Advantages;

/// A group as a person reads it. Its text is a table with a row a sample: each term's weighted reward, the total, the
/// advantage, and the term that contributed most to it.
#[derive(Clone, Copy, Debug)]
pub struct GroupReport<'a> {
    /// The objective's name.
    pub objective: &'static str,
    /// What the terms saw.
    pub samples: &'a [Judged],
    /// What they said.
    pub sheet: &'a RewardSheet,
    /// What came of it.
    pub advantages: &'a Advantages,
}

impl GroupReport<'_> {
    /// The term with the largest share of a sample's advantage, and that share; `None` where no term moved it.
    pub fn because(&self, sample: usize) -> Option<(&'static str, f64)> {
        let shares = self.advantages.shares[sample].iter().copied();
        let (term, share) = self
            .sheet
            .terms
            .iter()
            .zip(shares)
            // The first of equals, so that the report does not depend on the order of a comparison.
            .fold(
                None,
                |most: Option<(&'static str, f64)>, (term, share)| match most {
                    Some((_, largest)) if share.abs() <= largest.abs() => most,
                    _ => Some((term, share)),
                },
            )?;
        (share != 0.0).then_some((term, share))
    }

    /// The sample with the largest advantage, the first of equals; `None` for an empty group.
    pub fn winner(&self) -> Option<usize> {
        let values = self.advantages.values.iter().enumerate();
        values
            .fold(None, |best: Option<(usize, f64)>, (i, &value)| match best {
                Some((_, most)) if value <= most => best,
                _ => Some((i, value)),
            })
            .map(|(i, _)| i)
    }

    fn row(&self, sample: usize) -> Vec<String> {
        let judged = &self.samples[sample];
        let reward = &self.sheet.samples[sample];
        let answer = match judged.answer {
            None => "none",
            Some(_) if judged.overall_right() => "right",
            Some(_) => "wrong",
        };
        let mut cells = vec![
            sample.to_string(),
            answer.to_owned(),
            judged.tool_calls.to_string(),
        ];
        cells.extend(
            reward
                .terms
                .iter()
                .map(|term| match (&term.raw, term.weighted) {
                    (Score::Abstain(_), _) | (_, None) => "–".to_owned(),
                    (_, Some(weighted)) => format!("{weighted:.3}"),
                }),
        );
        cells.push(
            reward
                .total
                .map_or("–".to_owned(), |total| format!("{total:.3}")),
        );
        cells.push(format!("{:+.3}", self.advantages.values[sample]));
        cells.push(
            self.because(sample)
                .map_or("–".to_owned(), |(term, share)| {
                    format!("{term} {share:+.3}")
                }),
        );
        cells
    }
}

impl fmt::Display for GroupReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = vec!["sample", "answer", "calls"];
        head.extend(self.sheet.terms);
        head.extend(["reward", "advantage", "because of"]);
        let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        rows.extend((0..self.samples.len()).map(|sample| self.row(sample)));
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        writeln!(f, "{}, {} samples", self.objective, self.samples.len())?;
        for row in &rows {
            let last = row.len() - 1;
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Words stand to the left, numbers to the right.
                match column {
                    _ if column == last => write!(f, "  {cell}")?,
                    1 => write!(f, "  {cell:<width$}")?,
                    0 => write!(f, "{cell:>width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        let abstained = self.sheet.samples.iter().enumerate();
        for (sample, reward) in abstained {
            for term in &reward.terms {
                if let Score::Abstain(why) = &term.raw {
                    writeln!(f, "sample {sample}: {} abstains: {why}", term.name)?;
                }
            }
        }
        match self
            .winner()
            .and_then(|best| Some((best, self.because(best)?)))
        {
            Some((best, (term, share))) => {
                let advantage = self.advantages.values[best];
                write!(
                    f,
                    "sample {best} wins with {advantage:+.3}, {share:+.3} of it because of {term}"
                )
            }
            None => write!(f, "no sample wins: the group teaches nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use vrt_core::objective::{Objective, VrThinker};
    use vrt_core::pair::{Judgment, Preference, Verdict};
    use vrt_core::reward::Group;

    use super::*;
    use crate::advantage::of_groups;

    fn sample(units: &[Preference], tool_calls: u32) -> Judged {
        let all = |preference| Judgment {
            verdict: Verdict {
                dimensions: [preference; 3],
                overall: preference,
            },
            confidence: None,
        };
        let judgments: Vec<Judgment> = units.iter().copied().map(all).collect();
        Judged {
            truth: all(Preference::First).verdict,
            format: if judgments.is_empty() {
                Err("unit 1 is cut off".to_owned())
            } else {
                Ok(())
            },
            answer: judgments.last().copied(),
            judgments,
            tool_calls,
        }
    }

    fn report(samples: &[Judged]) -> String {
        let objective = VrThinker::default();
        let sheet = objective.score(&Group { samples });
        let advantages =
            of_groups(std::slice::from_ref(&sheet), &[], &objective.advantage()).remove(0);
        let (objective, sheet, advantages) = (VrThinker::NAME, &sheet, &advantages);
        GroupReport {
            objective,
            samples,
            sheet,
            advantages,
        }
        .to_string()
    }

    #[test]
    fn a_group_says_who_won_and_why() {
        let (right, wrong) = (Preference::First, Preference::Second);
        let samples = [
            sample(&[wrong, right], 1),
            sample(&[right], 0),
            sample(&[wrong], 0),
            sample(&[], 0),
        ];
        insta::assert_snapshot!(report(&samples));
    }

    #[test]
    fn a_group_of_equals_has_no_winner() {
        let samples = [
            sample(&[Preference::First], 0),
            sample(&[Preference::First], 0),
        ];
        assert!(report(&samples).ends_with("no sample wins: the group teaches nothing"));
    }
}
