//! In: judgments of the same pairs by several arms. Out: accuracies and their paired intervals.
//!
//! One set of bootstrap weights serves every arm, split and metric, so a difference of two arms is the
//! difference of their resampled values: paired by pair, and by seed where there are several.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vrt_train::bootstrap::Weights;
pub use vrt_train::bootstrap::{Distribution, Interval, RESAMPLES};

/// One line of `judgments.jsonl`: what an arm said about a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The pair's key.
    pub pair: u64,
    /// The split it belongs to.
    pub split: String,
    /// Ground truth of TA, VQ, MQ, OA: 0 tie, 1, 2.
    pub truth: [u8; 4],
    /// The answer in the same order; `null` when there was none.
    pub answer: Option<[u8; 4]>,
    /// Calls of visual operations.
    pub calls: u32,
    /// Why the episode ended: `answered`, …
    pub stop: String,
    /// Tokens the policy sampled.
    pub tokens: u32,
    /// Units the policy wrote, where it is not one more than the calls: each call ends a unit, and so does the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// Calls by operation, where more than one is offered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_tool: BTreeMap<String, u32>,
    /// Visual tokens that the calls brought, where more than one operation is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visual_tokens: Option<u32>,
    /// The overall preference if none may be a tie, of a judge that has a margin: what `diff` counts then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untied: Option<u8>,
}

impl Row {
    /// The row of a judge that answered at once and wrote nothing else.
    pub fn plain(pair: u64, split: String, truth: [u8; 4], answer: [u8; 4]) -> Self {
        Self {
            pair,
            split,
            truth,
            answer: Some(answer),
            calls: 0,
            stop: "answered".to_owned(),
            tokens: 0,
            units: None,
            by_tool: BTreeMap::new(),
            visual_tokens: None,
            untied: None,
        }
    }
}

/// What is counted: accuracies in percent, and two means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Correct overall judgments among all pairs.
    #[serde(alias = "oa")]
    Tau,
    /// The same among pairs whose truth is no tie; a predicted tie is then wrong. A judge with a margin is asked for its
    /// sign, `C / (C + D + T_m)`, and not for ties.
    Diff,
    /// All four judgments right, among all pairs.
    All4,
    /// Mean calls of visual operations a judgment.
    Calls,
    /// Mean sampled tokens a reasoning unit.
    UnitTokens,
}

impl Metric {
    /// The accuracies, which every arm is measured by.
    pub const ALL: [Metric; 3] = [Metric::Tau, Metric::Diff, Metric::All4];

    /// Its name in specs and tables.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Tau => "tau",
            Metric::Diff => "diff",
            Metric::All4 => "all4",
            Metric::Calls => "calls",
            Metric::UnitTokens => "unit_tokens",
        }
    }

    /// Whether it is an accuracy, in percent.
    pub fn is_accuracy(self) -> bool {
        Self::ALL.contains(&self)
    }

    /// What an axis says.
    pub fn axis(self) -> String {
        match self {
            Metric::Calls => "calls a judgment".to_owned(),
            Metric::UnitTokens => "sampled tokens a reasoning unit".to_owned(),
            accuracy => format!("{} accuracy, %", accuracy.name()),
        }
    }

    /// By how much a row counts, and what it brings. No answer is wrong.
    fn of(self, row: &Row) -> (u32, u32) {
        let truth = row.truth;
        let right = |hit: &dyn Fn([u8; 4]) -> bool| u32::from(row.answer.is_some_and(hit));
        match self {
            Metric::Tau => (1, right(&|answer| answer[3] == truth[3])),
            Metric::All4 => (1, right(&|answer| answer == truth)),
            Metric::Diff => (
                u32::from(truth[3] != 0),
                right(&|answer| row.untied.unwrap_or(answer[3]) == truth[3]),
            ),
            Metric::Calls => (1, row.calls),
            Metric::UnitTokens => (row.units.unwrap_or(row.calls + 1), row.tokens),
        }
    }
}

/// Judgments that cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Two runs did not judge the same pairs.
    #[error(
        "`{run}` did not judge the same pairs as `{first}`: {why}; build both again with --fresh"
    )]
    DifferentPairs {
        /// The run that differs.
        run: String,
        /// The run it is compared with.
        first: String,
        /// The first difference.
        why: String,
    },
    /// There is nothing to count.
    #[error("`{run}` has no judgments in split `{split}`")]
    Empty {
        /// The run.
        run: String,
        /// The split.
        split: String,
    },
}

/// Judgments of one arm: one list of rows a seed.
pub type Runs = Vec<Vec<Row>>;

/// Which pairs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// All splits together.
    All,
    /// One split.
    Split(&'a str),
    /// Several splits, under a name.
    Among(&'a str, &'a [String]),
}

impl<'a> Part<'a> {
    fn holds(self, split: &str) -> bool {
        match self {
            Part::All => true,
            Part::Split(name) => name == split,
            Part::Among(_, members) => members.iter().any(|name| name == split),
        }
    }

    fn name(self) -> &'a str {
        match self {
            Part::All => "all",
            Part::Split(name) | Part::Among(name, _) => name,
        }
    }
}

/// Bootstrap weights over pairs (within each split) and seeds, shared by all that is compared.
#[derive(Clone, Debug)]
pub struct Resamples {
    name: String,
    pairs: Vec<(u64, String, [u8; 4])>,
    weights: Weights,
}

impl Resamples {
    /// Draws the weights for the pairs of `runs`, named `name` in errors.
    ///
    /// # Errors
    /// [`StatsError`] when `runs` is empty or its seeds judged different pairs.
    pub fn draw(name: &str, runs: &Runs) -> Result<Self, StatsError> {
        let first = runs.first().filter(|rows| !rows.is_empty());
        let Some(first) = first else {
            return Err(StatsError::Empty {
                run: name.to_owned(),
                split: "all".to_owned(),
            });
        };
        let pairs: Vec<_> = first
            .iter()
            .map(|row| (row.pair, row.split.clone(), row.truth))
            .collect();
        let strata: Vec<&str> = pairs.iter().map(|(_, split, _)| split.as_str()).collect();
        let weights = Weights::draw(&strata, runs.len());
        let drawn = Self {
            name: name.to_owned(),
            pairs,
            weights,
        };
        drawn.check(name, runs)?;
        Ok(drawn)
    }

    fn check(&self, name: &str, runs: &Runs) -> Result<(), StatsError> {
        let differs = |why: String| StatsError::DifferentPairs {
            run: name.to_owned(),
            first: self.name.clone(),
            why,
        };
        let seeds = self.weights.seeds();
        if runs.len() != seeds {
            return Err(differs(format!("{} seeds, not {seeds}", runs.len())));
        }
        for rows in runs {
            if rows.len() != self.pairs.len() {
                return Err(differs(format!(
                    "{} pairs, not {}",
                    rows.len(),
                    self.pairs.len()
                )));
            }
            for (i, (row, (pair, split, truth))) in rows.iter().zip(&self.pairs).enumerate() {
                if row.pair != *pair || row.split != *split || row.truth != *truth {
                    return Err(differs(format!(
                        "line {} is pair {:#x} of `{}`, not {pair:#x} of `{split}` with its truth",
                        i + 1,
                        row.pair,
                        row.split
                    )));
                }
            }
        }
        Ok(())
    }

    /// A metric of an arm on a part of the pairs, with all its resamples.
    ///
    /// # Errors
    /// [`StatsError`] when the arm judged other pairs, or nothing in that part counts.
    pub fn measure(
        &self,
        name: &str,
        runs: &Runs,
        part: Part<'_>,
        metric: Metric,
    ) -> Result<Distribution, StatsError> {
        self.check(name, runs)?;
        let list = |rows: &Vec<Row>, of: fn((u32, u32)) -> u32| -> Vec<u32> {
            let inside = |row: &Row| u32::from(part.holds(&row.split));
            let rows = rows.iter();
            rows.map(|row| inside(row) * of(metric.of(row))).collect()
        };
        let counted = |rows| list(rows, |(counts, _)| counts);
        let measured = if metric.is_accuracy() {
            let hits = runs
                .iter()
                .map(|rows| list(rows, |(counts, hit)| counts * hit));
            self.weights
                .share(&counted(&runs[0]), &hits.collect::<Vec<_>>())
        } else {
            let values = runs.iter().map(|rows| list(rows, |(_, brings)| brings));
            let per = runs.iter().map(counted).collect::<Vec<_>>();
            self.weights.ratio(&values.collect::<Vec<_>>(), &per)
        };
        measured.ok_or_else(|| StatsError::Empty {
            run: name.to_owned(),
            split: part.name().to_owned(),
        })
    }

    /// Pairs of a part.
    pub fn pairs(&self, part: Part<'_>) -> usize {
        let inside = |pair: &&(u64, String, [u8; 4])| part.holds(&pair.1);
        self.pairs.iter().filter(inside).count()
    }

    /// `tau` of always answering a tie, in percent: no accuracy is worth more than its distance to this.
    pub fn always_tie(&self, part: Part<'_>) -> f64 {
        let inside = self.pairs.iter().filter(|pair| part.holds(&pair.1));
        let ties = inside.filter(|pair| pair.2[3] == 0).count();
        100.0 * ties as f64 / self.pairs(part).max(1) as f64
    }
}

/// What is counted beside accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows: pairs times seeds.
    pub rows: usize,
    /// Rows without an answer; they count as wrong.
    pub no_answer: usize,
    /// Mean calls of visual operations.
    pub calls: f64,
    /// Mean sampled tokens.
    pub tokens: f64,
    /// Rows by reason of ending.
    pub stops: BTreeMap<String, usize>,
    /// Mean calls by operation, where more than one is offered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_tool: BTreeMap<String, f64>,
    /// Mean visual tokens that calls brought, where more than one operation is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visual_tokens: Option<f64>,
}

/// Counts an arm's rows on a part of the pairs.
pub fn counts(runs: &Runs, part: Part<'_>) -> Counts {
    let rows: Vec<&Row> = runs
        .iter()
        .flatten()
        .filter(|row| part.holds(&row.split))
        .collect();
    let mean = |of: fn(&Row) -> u32| {
        rows.iter().map(|row| f64::from(of(row))).sum::<f64>() / rows.len().max(1) as f64
    };
    let mut stops = BTreeMap::new();
    for row in &rows {
        *stops.entry(row.stop.clone()).or_default() += 1;
    }
    let mut by_tool: BTreeMap<String, f64> = BTreeMap::new();
    for (tool, calls) in rows.iter().flat_map(|row| &row.by_tool) {
        *by_tool.entry(tool.clone()).or_default() += f64::from(*calls) / rows.len() as f64;
    }
    let visual = rows.iter().filter_map(|row| row.visual_tokens);
    let visual: Vec<f64> = visual.map(f64::from).collect();
    Counts {
        by_tool,
        visual_tokens: (!visual.is_empty())
            .then(|| visual.iter().sum::<f64>() / visual.len() as f64),
        rows: rows.len(),
        no_answer: rows.iter().filter(|row| row.answer.is_none()).count(),
        calls: mean(|row| row.calls),
        tokens: mean(|row| row.tokens),
        stops,
    }
}
