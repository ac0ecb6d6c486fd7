//! In: the runs of an evaluation. Out: what is reported of them, with where every number comes from.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use vrt_core::ledger::Ledger;
use vrt_core::pair::{Dimension, Preference};
use vrt_core::trace::TRACE_VERSION;
use vrt_train::bootstrap::{RESAMPLES, Weights};

use super::case::{Case, Show, Subset};
use super::run::{Answer, Run};
use super::score::{Change, OverallRule, Score, Scored};
use super::setting::Setting;
use crate::data::{DataSet, LabelCounts};

/// An evaluation. The same data, policy and settings give the same bytes, however often the run was interrupted.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// What the file holds.
    pub data: Data,
    /// Scores, subset by subset.
    pub subsets: Vec<SubsetReport>,
    /// What became of the episodes, run by run.
    pub runs: BTreeMap<Show, RunReport>,
}

/// Where the numbers of a report come from.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: &'static str,
    /// Version of the trace format.
    pub trace_version: u32,
    /// What decided the episodes.
    #[serde(flatten)]
    pub setting: Setting,
    /// Which overall preference was scored.
    pub overall: OverallRule,
    /// Choices about the data, by name.
    pub choices: BTreeMap<&'static str, Value>,
    /// Resamples behind every interval of 95 %.
    pub resamples: usize,
}

/// What a file holds, and what was left of it.
#[derive(Clone, Debug, Serialize)]
pub struct Data {
    /// Rows of the file.
    pub rows: usize,
    /// Rows by overall label, in the file's words.
    pub labels: BTreeMap<String, usize>,
    /// Pairs by label in each dimension that has one.
    pub dimensions: BTreeMap<&'static str, LabelCounts>,
    /// Rows that gave no pair, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Each of them.
    pub dropped_rows: Vec<DroppedRow>,
    /// Pairs whose videos cannot be used, where that was asked for.
    pub unusable: Vec<UnusablePair>,
    /// Pairs beyond `--limit`.
    pub beyond_limit: usize,
    /// Pairs that were judged.
    pub judged: usize,
}

/// A row that gave no pair.
#[derive(Clone, Debug, Serialize)]
pub struct DroppedRow {
    /// Its number, from 1.
    pub row: usize,
    /// Why.
    pub reason: String,
}

/// A pair whose videos cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnusablePair {
    /// Its row, from 1.
    pub row: usize,
    /// Why, with the video's name.
    pub reason: String,
}

impl Data {
    /// What a set holds; of its pairs, `unusable` and those beyond a limit are not judged.
    pub fn of(set: &DataSet, unusable: Vec<UnusablePair>, judged: usize) -> Self {
        let rows = set.dropped.iter().map(|one| DroppedRow {
            row: one.row,
            reason: one.reason.to_string(),
        });
        Self {
            rows: set.rows,
            labels: set.counts.clone(),
            dimensions: Dimension::ALL
                .into_iter()
                .map(|dimension| (dimension.key(), set.labelled(dimension)))
                .filter(|(_, counts)| counts.none < set.pairs.len())
                .collect(),
            dropped: set.drops(),
            dropped_rows: rows.collect(),
            beyond_limit: set.pairs.len() - unusable.len() - judged,
            unusable,
            judged,
        }
    }

    /// Whether every row of the file is accounted for.
    pub fn balances(&self) -> bool {
        let gone = self.dropped_rows.len() + self.unusable.len() + self.beyond_limit;
        self.rows == gone + self.judged
            && self.dropped.values().sum::<usize>() == self.dropped_rows.len()
    }
}

/// The scores of a subset.
#[derive(Clone, Debug, Serialize)]
pub struct SubsetReport {
    /// Which.
    pub subset: Subset,
    /// Its pairs.
    pub pairs: usize,
    /// The scores of what is labelled: `OA`, then `TA`, `VQ`, `MQ`.
    pub scores: Vec<KeyedScore>,
}

/// A score of one thing that is judged.
#[derive(Clone, Debug, Serialize)]
pub struct KeyedScore {
    /// `OA`, `TA`, `VQ` or `MQ`.
    pub judged: &'static str,
    /// The score.
    #[serde(flatten)]
    pub score: Score,
    /// The change from the whole, where the same pairs were shown otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// What became of the episodes of a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Episodes.
    pub episodes: u64,
    /// Episodes by the reason for which they ended; those that are not `answered` have no answer and count as wrong.
    pub stops: BTreeMap<&'static str, u64>,
    /// Why the policy itself failed, and how often.
    pub failures: BTreeMap<String, u64>,
    /// Overall answers by the place at which the preferred video was shown.
    pub shown: Shown,
    /// Mean calls an episode.
    pub calls: f64,
    /// Mean tokens an episode.
    pub tokens: f64,
    /// The rows behind these.
    pub ledger: Ledger,
}

/// Overall answers in the order in which the videos were shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The video shown first.
    pub first: u64,
    /// The one shown second.
    pub second: u64,
    /// Neither.
    pub tie: u64,
}

impl RunReport {
    fn of(run: &Run) -> Self {
        let Run { answers, ledger } = run;
        let mut shown = Shown::default();
        for preference in answers.iter().filter_map(|answer| answer.shown) {
            *match preference {
                Preference::First => &mut shown.first,
                Preference::Second => &mut shown.second,
                Preference::Tie => &mut shown.tie,
            } += 1;
        }
        let mut failures = BTreeMap::new();
        for reason in answers.iter().filter_map(|answer| answer.failed.as_ref()) {
            *failures.entry(reason.clone()).or_default() += 1;
        }
        let names = vrt_core::episode::StopReason::NAMES;
        let stops = names.into_iter().zip(ledger.stops);
        let mean = |sum: u64| sum as f64 / ledger.asked.max(1) as f64;
        Self {
            episodes: ledger.asked,
            stops: stops.filter(|(_, count)| *count > 0).collect(),
            failures,
            shown,
            calls: mean(ledger.calls),
            tokens: mean(ledger.tokens),
            ledger: ledger.clone(),
        }
    }

    /// Episodes in which the policy itself failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// What is judged: overall, then by dimension.
const JUDGED: [(&str, Option<Dimension>); 4] = [
    ("OA", None),
    ("TA", Some(Dimension::TextAlignment)),
    ("VQ", Some(Dimension::VisualQuality)),
    ("MQ", Some(Dimension::MotionQuality)),
];

impl Report {
    /// The report of these runs over these cases.
    pub fn of(
        setting: &Setting,
        overall: OverallRule,
        choices: BTreeMap<&'static str, Value>,
        data: Data,
        cases: &[Case],
        runs: &BTreeMap<Show, Run>,
    ) -> Self {
        let weights = Weights::draw(&vec!["all"; cases.len()], 1);
        let scored = |subset: Subset, of: Option<Dimension>| {
            let run = runs.get(&subset.show())?;
            let labels: Vec<_> = cases.iter().map(|case| label(case, of)).collect();
            let answers: Vec<_> = run
                .answers
                .iter()
                .map(|one| said(one, of, overall))
                .collect();
            let member: Vec<_> = cases.iter().map(|case| subset.holds(case)).collect();
            Scored::of(&weights, &labels, &answers, &member)
        };
        let shown = Subset::ALL
            .into_iter()
            .filter(|subset| runs.contains_key(&subset.show()));
        let subsets = shown.map(|subset| {
            let scores = JUDGED.into_iter().filter_map(|(judged, of)| {
                let ours = scored(subset, of)?;
                let whole = match subset {
                    Subset::Redundant => scored(Subset::Whole, of),
                    _ => None,
                };
                Some(KeyedScore {
                    judged,
                    score: ours.score,
                    change: whole.map(|whole| ours.since(&whole)),
                })
            });
            SubsetReport {
                subset,
                pairs: cases.iter().filter(|case| subset.holds(case)).count(),
                scores: scores.collect(),
            }
        });
        Self {
            provenance: Provenance {
                version: env!("CARGO_PKG_VERSION"),
                trace_version: TRACE_VERSION,
                setting: setting.clone(),
                overall,
                choices,
                resamples: RESAMPLES,
            },
            data,
            subsets: subsets.collect(),
            runs: runs
                .iter()
                .map(|(show, run)| (*show, RunReport::of(run)))
                .collect(),
        }
    }

    /// Episodes in which the policy itself failed: running again runs them anew.
    pub fn failed(&self) -> u64 {
        self.runs.values().map(RunReport::failed).sum()
    }

    /// The report as JSON, with a line break at its end.
    pub fn json(&self) -> String {
        // JSON has no place for a map whose keys are no text, and for nothing else; a report has no such map.
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }
}

fn label(case: &Case, of: Option<Dimension>) -> Option<Preference> {
    let labels = &case.labelled.labels;
    of.map_or(labels.overall, |dimension| labels.get(dimension))
}

fn said(answer: &Answer, of: Option<Dimension>, overall: OverallRule) -> Option<Preference> {
    let verdict = answer.verdict?;
    Some(of.map_or_else(|| overall.of(&verdict), |dimension| verdict.get(dimension)))
}
