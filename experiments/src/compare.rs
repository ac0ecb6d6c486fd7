//! In: a spec, the arms' judgments, the paper's numbers. Out: the report with its verdicts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::paper::PaperFigure;
use crate::spec::{At, Kind, Panel, Scale, Spec, SplitSpec, Statement};
use crate::stats::{
    Counts, Distribution, Interval, Metric, Part, Resamples, Runs, StatsError, counts,
};

mod curves;

pub use curves::{Curve, Dashed, Line, Point};

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is on the claim's side.
    Holds,
    /// The whole interval is on the other side.
    DoesNotHold,
    /// The interval crosses the line.
    Undecided,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::Undecided => "undecided",
        }
    }

    /// The verdict on "more than `margin`".
    pub fn of(difference: Interval, margin: f64) -> Self {
        if difference.low > margin {
            Verdict::Holds
        } else if difference.high < margin {
            Verdict::DoesNotHold
        } else {
            Verdict::Undecided
        }
    }
}

/// The judgments of one arm.
#[derive(Clone, Debug)]
pub struct ArmRuns {
    /// The arm's id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Its rows, one list a seed.
    pub runs: Runs,
    /// The rows of the second look, if the spec has one.
    pub beside: Option<Runs>,
    /// Where it stands on the way of an arm that keeps policies.
    pub at: Option<At>,
    /// Requirements of the objective that it waives.
    pub waived: Vec<String>,
}

/// Everything an experiment says: `result.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The experiment's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is shown as.
    pub kind: Kind,
    /// How much was computed.
    pub scale: Scale,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The code that computed it.
    pub revision: String,
    /// The splits, in order.
    pub splits: Vec<SplitSpec>,
    /// Held-out pairs by split, and `all`.
    pub pairs: BTreeMap<String, usize>,
    /// `tau` of always answering a tie, by split and `all`.
    pub always_tie: BTreeMap<String, f64>,
    /// Head of the second look's column.
    pub beside: Option<String>,
    /// The arms, in the spec's order.
    pub arms: Vec<ArmReport>,
    /// The panels.
    pub panels: Vec<Panel>,
    /// The lines of panels that have lines, by panel.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<String, Curve>,
    /// The claims with their verdicts.
    pub claims: Vec<ClaimReport>,
    /// Where the paper's numbers come from.
    pub paper_source: String,
    /// The paper's numbers; never ours.
    pub paper: Option<PaperFigure>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// One arm's numbers.
#[derive(Clone, Debug, Serialize)]
pub struct ArmReport {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Where it stands on the way of an arm that keeps policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// By split, and `all`.
    pub parts: BTreeMap<String, PartReport>,
}

/// One arm on one part of the pairs.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// Every metric with its interval, in percent.
    pub metrics: BTreeMap<Metric, Interval>,
    /// The same of the second look.
    pub beside: Option<BTreeMap<Metric, Interval>>,
    /// What else was counted.
    pub counts: Counts,
}

/// One claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimReport {
    /// Its id.
    pub id: String,
    /// In words.
    pub text: String,
    /// What is compared.
    pub statement: Statement,
    /// By which metric.
    pub metric: Metric,
    /// On which pairs.
    pub split: String,
    /// The split whose difference is taken off, if any.
    pub than_split: Option<String>,
    /// The paired difference, in points.
    pub difference: Interval,
    /// What became of it.
    pub verdict: Verdict,
    /// What the paper reports.
    pub paper: Option<String>,
}

/// What a report is made from, beside the judgments.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The spec.
    pub spec: &'a Spec,
    /// The scale.
    pub scale: Scale,
    /// The seeds that ran.
    pub seeds: &'a [u64],
    /// The code's revision.
    pub revision: &'a str,
    /// Where the paper's numbers come from.
    pub paper_source: &'a str,
    /// The paper's numbers.
    pub paper: Option<&'a PaperFigure>,
}

/// Computes every number and verdict.
///
/// # Errors
/// [`StatsError`] when arms judged different pairs or a split is empty.
pub fn report(setting: &Setting<'_>, arms: &[ArmRuns]) -> Result<Report, StatsError> {
    let file = &setting.spec.file;
    let Some(first) = arms.first() else {
        return Err(StatsError::Empty {
            run: setting.spec.id().to_owned(),
            split: "all".to_owned(),
        });
    };
    let resamples = Resamples::draw(&first.id, &first.runs)?;
    let groups = file.groups();
    let parts: Vec<(&str, Part<'_>)> = file
        .splits
        .iter()
        .map(|split| (split.id.as_str(), Part::Split(&split.id)))
        .chain(
            groups
                .iter()
                .map(|(name, members)| (name.as_str(), Part::Among(name, members))),
        )
        .chain([("all", Part::All)])
        .collect();
    let asked = file.panels.iter().map(|panel| panel.metric);
    let asked = asked.chain(file.claims.iter().map(|claim| claim.metric));
    let asked: BTreeSet<Metric> = Metric::ALL.into_iter().chain(asked).collect();
    let mut measured: BTreeMap<(&str, &str, Metric), Distribution> = BTreeMap::new();
    let mut arm_reports = Vec::new();
    for arm in arms {
        let mut by_part = BTreeMap::new();
        for &(name, part) in &parts {
            let mut metrics = BTreeMap::new();
            let mut beside = arm.beside.as_ref().map(|_| BTreeMap::new());
            for &metric in &asked {
                let ours = resamples.measure(&arm.id, &arm.runs, part, metric)?;
                metrics.insert(metric, ours.interval());
                measured.insert((&arm.id, name, metric), ours);
                if let (Some(runs), Some(beside)) = (&arm.beside, &mut beside) {
                    let second = resamples.measure(&arm.id, runs, part, metric)?;
                    beside.insert(metric, second.interval());
                }
            }
            by_part.insert(
                name.to_owned(),
                PartReport {
                    metrics,
                    beside,
                    counts: counts(&arm.runs, part),
                },
            );
        }
        arm_reports.push(ArmReport {
            id: arm.id.clone(),
            label: arm.label.clone(),
            at: arm.at.clone(),
            parts: by_part,
        });
    }
    let mut claims = Vec::new();
    for claim in &file.claims {
        // The spec was checked: a statement that cannot be read does not come this far.
        let Ok(statement) = Statement::parse(&claim.statement) else {
            continue;
        };
        let gain = |split: &str| difference(&measured, &statement, split, claim.metric);
        let mut gained = gain(&claim.split)?;
        if let Some(than) = &claim.than_split {
            gained = gained.minus(&gain(than)?);
        }
        let difference = gained.interval();
        claims.push(ClaimReport {
            id: claim.id.clone(),
            text: claim.text.clone(),
            verdict: Verdict::of(difference, statement.margin),
            statement,
            metric: claim.metric,
            split: claim.split.clone(),
            than_split: claim.than_split.clone(),
            difference,
            paper: claim.paper.clone(),
        });
    }
    let curves = curves::curves(file, &arm_reports);
    Ok(Report {
        id: setting.spec.id().to_owned(),
        title: file.experiment.title.clone(),
        kind: file.experiment.kind,
        scale: setting.scale,
        seeds: setting.seeds.to_vec(),
        revision: setting.revision.to_owned(),
        splits: file.splits.clone(),
        pairs: parts
            .iter()
            .map(|&(name, part)| (name.to_owned(), resamples.pairs(part)))
            .collect(),
        always_tie: parts
            .iter()
            .map(|&(name, part)| (name.to_owned(), resamples.always_tie(part)))
            .collect(),
        beside: file.beside.as_ref().map(|beside| beside.label.clone()),
        arms: arm_reports,
        panels: file.panels.clone(),
        curves,
        claims,
        paper_source: setting.paper_source.to_owned(),
        paper: setting.paper.cloned(),
        notes: file
            .experiment
            .notes
            .iter()
            .cloned()
            .chain(beyond(arms))
            .collect(),
    })
}

/// Which arms lie outside what the objective requires of itself: a remark for each.
fn beyond(arms: &[ArmRuns]) -> impl Iterator<Item = String> {
    arms.iter().filter(|arm| !arm.waived.is_empty()).map(|arm| {
        let lines: Vec<String> = arm.waived.iter().map(|line| format!("`{line}`")).collect();
        let (label, lines) = (&arm.label, lines.join(" and "));
        format!("{label} lies outside the recipe: the objective requires {lines}, which it waives.")
    })
}

/// What a statement's left side is more than its right side, without its margin. Judges that name no part are looked
/// up on `split`.
fn difference(
    measured: &BTreeMap<(&str, &str, Metric), Distribution>,
    statement: &Statement,
    split: &str,
    metric: Metric,
) -> Result<Distribution, StatsError> {
    let mut total: Option<Distribution> = None;
    for term in statement.terms() {
        let mut best: Option<Distribution> = None;
        for judge in &term.best_of {
            let part = judge.part.as_deref().unwrap_or(split);
            let key = (judge.arm.as_str(), part, metric);
            let found = measured.iter().find(|(known, _)| **known == key);
            let (_, one) = found.ok_or_else(|| StatsError::Empty {
                run: judge.arm.clone(),
                split: part.to_owned(),
            })?;
            best = Some(best.map_or_else(|| one.clone(), |best| best.max(one)));
        }
        let Some(best) = best else { continue };
        // The first term of a statement stands on its left side; a minus before it is a sum with zero.
        total = Some(match (total, term.minus) {
            (Some(total), false) => total.plus(&best),
            (Some(total), true) => total.minus(&best),
            (None, false) => best,
            (None, true) => best.minus(&best).minus(&best),
        });
    }
    total.ok_or_else(|| StatsError::Empty {
        run: statement.to_string(),
        split: split.to_owned(),
    })
}

impl Report {
    /// The arm with this id.
    pub fn arm(&self, id: &str) -> Option<&ArmReport> {
        self.arms.iter().find(|arm| arm.id == id)
    }

    /// The paper's value for an arm, a split and a metric, if the paper has one.
    pub fn paper_value(
        &self,
        arm: &str,
        split: &SplitSpec,
        metric: Metric,
    ) -> Option<(f64, crate::paper::Status)> {
        let paper = self.paper.as_ref()?;
        paper.value(arm, split.paper.as_deref()?, metric)
    }
}
