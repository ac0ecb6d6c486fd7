//! In: the panels of a spec that have lines, and the arms' numbers. Out: the lines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ArmReport;
use crate::spec::{Lines, Panel, SpecFile};
use crate::stats::Interval;

/// What a panel with lines shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// What stands below the axis.
    pub axis: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// What the axis does not move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashed: Option<Dashed>,
    /// The paper's choice along the axis; never ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper: Option<f64>,
}

/// A line across the whole panel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dashed {
    /// As in the legend.
    pub label: String,
    /// In the metric's unit.
    pub value: Interval,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The arm's or the split's id, or `all`.
    pub id: String,
    /// As in the legend.
    pub label: String,
    /// Its points, along the axis.
    pub points: Vec<Point>,
}

/// A value with its interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The place on the axis.
    pub at: f64,
    /// What the axis says there.
    pub tick: String,
    /// In the metric's unit.
    pub value: Interval,
}

/// The lines of every panel that has some.
pub(super) fn curves(file: &SpecFile, arms: &[ArmReport]) -> BTreeMap<String, Curve> {
    let curve = |panel: &Panel| Some((panel.id.clone(), curve(file, panel, arms)?));
    file.panels.iter().filter_map(curve).collect()
}

fn curve(file: &SpecFile, panel: &Panel, arms: &[ArmReport]) -> Option<Curve> {
    let find = |id: &str| arms.iter().find(|arm| arm.id == id);
    let value =
        |arm: &ArmReport, part: &str| arm.parts.get(part)?.metrics.get(&panel.metric).copied();
    match panel.lines.as_ref()? {
        Lines::Steps(steps) => {
            let line = |id: &String| {
                let on_its_way = |arm: &&ArmReport| arm.at.as_ref().is_some_and(|at| at.arm == *id);
                let mut points: Vec<Point> = arms
                    .iter()
                    .filter(on_its_way)
                    .filter_map(|arm| {
                        let step = arm.at.as_ref()?.step;
                        Some(Point {
                            at: f64::from(step),
                            tick: step.to_string(),
                            value: value(arm, &steps.split)?,
                        })
                    })
                    .collect();
                points.sort_by(|a, b| a.at.total_cmp(&b.at));
                Some(Line {
                    id: id.clone(),
                    label: find(id)?.label.clone(),
                    points,
                })
            };
            let dashed = steps.dashed.as_ref().and_then(|id| {
                let arm = find(id)?;
                Some(Dashed {
                    label: arm.label.clone(),
                    value: value(arm, &steps.split)?,
                })
            });
            Some(Curve {
                axis: "steps of GRPO".to_owned(),
                lines: panel.arms.iter().filter_map(line).collect(),
                dashed,
                paper: None,
            })
        }
        Lines::Values(values) => {
            let point = |(i, (id, &at)): (usize, (&String, &f64)), part: &str| {
                Some(Point {
                    at,
                    tick: values
                        .ticks
                        .get(i)
                        .cloned()
                        .unwrap_or_else(|| at.to_string()),
                    value: value(find(id)?, part)?,
                })
            };
            let splits = file
                .splits
                .iter()
                .map(|split| (split.id.as_str(), split.label.as_str()));
            let line = |(part, label): (&str, &str)| {
                let points = panel.arms.iter().zip(&values.at).enumerate();
                Line {
                    id: part.to_owned(),
                    label: label.to_owned(),
                    points: points.filter_map(|one| point(one, part)).collect(),
                }
            };
            Some(Curve {
                axis: values.label.clone(),
                lines: [("all", "all pairs")]
                    .into_iter()
                    .chain(splits)
                    .map(line)
                    .collect(),
                dashed: None,
                paper: values.paper,
            })
        }
    }
}
