//! In: what a trained policy did. Out: the same for people and for assertions.

use std::collections::BTreeMap;
use std::fmt;

use vrt_train::grpo::GrpoStep;

use super::LabError;
use crate::stats::{Metric, Part, Resamples, Row};

/// What a lab's policy did.
#[derive(Clone, Debug, PartialEq)]
pub struct LabReport {
    /// GRPO, step by step.
    pub steps: Vec<GrpoStep>,
    /// What it judged afterwards, greedily.
    pub judgments: Vec<Row>,
    /// Overall judgments right, in percent of all pairs: `[value, 2.5 %, 97.5 %]` over pairs.
    pub right: [f64; 3],
    /// The share of pairs whose truth is a tie, in percent: what always answering a tie would score.
    pub always_tie: f64,
}

impl LabReport {
    pub(super) fn new(steps: Vec<GrpoStep>, judgments: Vec<Row>) -> Result<Self, LabError> {
        let runs = vec![judgments];
        let resamples = Resamples::draw("lab", &runs)?;
        let right = resamples
            .measure("lab", &runs, Part::All, Metric::Tau)?
            .interval();
        let always_tie = resamples.always_tie(Part::All);
        Ok(Self {
            steps,
            judgments: runs.into_iter().flatten().collect(),
            right: [right.value, right.low, right.high],
            always_tie,
        })
    }

    /// Calls of an operation over all judgments.
    pub fn calls(&self, operation: &str) -> u32 {
        self.judgments
            .iter()
            .filter_map(|row| row.by_tool.get(operation))
            .sum()
    }

    /// Judgments that ended for this reason: `answered`, `refused`, ….
    pub fn stopped(&self, reason: &str) -> usize {
        self.judgments
            .iter()
            .filter(|row| row.stop == reason)
            .count()
    }
}

impl fmt::Display for LabReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.judgments.len();
        let [value, low, high] = self.right;
        writeln!(
            f,
            "{pairs} pairs judged: {value:.1} % right [{low:.1}, {high:.1}]; always a tie: {:.1} %",
            self.always_tie
        )?;
        let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
        let mut stops: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &self.judgments {
            for (tool, n) in &row.by_tool {
                *calls.entry(tool).or_default() += n;
            }
            *stops.entry(&row.stop).or_default() += 1;
        }
        let list = |counts: Vec<String>| match counts.is_empty() {
            true => "none".to_owned(),
            false => counts.join(", "),
        };
        let calls = calls.into_iter().map(|(tool, n)| format!("{tool} {n}"));
        writeln!(f, "calls: {}", list(calls.collect()))?;
        let stops = stops.into_iter().map(|(stop, n)| format!("{stop} {n}"));
        writeln!(f, "ends: {}", list(stops.collect()))?;
        // The last step that had a group to learn from shows what the terms did.
        if let Some(step) = self.steps.iter().rfind(|step| !step.example.is_empty()) {
            writeln!(f, "\nthe last step's first group:")?;
            for line in &step.example {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}
