//! In: a report of kind `table`. Out: its Markdown: tau and diff of every arm beside the paper's, and the base rate of tau.

use std::fmt::Write;

use super::table::{padded, paper_cell, plus_minus, signed};
use crate::compare::{ArmReport, Report};
use crate::spec::SplitSpec;
use crate::stats::Metric;

/// The metrics of the paper's tables.
const METRICS: [Metric; 2] = [Metric::Tau, Metric::Diff];

/// One table a panel, or one of all arms.
pub fn grid(report: &Report, out: &mut String) {
    let all: Vec<&ArmReport> = report.arms.iter().collect();
    if report.panels.is_empty() {
        arms_table(report, "All arms", &all, out);
    }
    for panel in &report.panels {
        let arms: Vec<&ArmReport> = panel.arms.iter().filter_map(|id| report.arm(id)).collect();
        arms_table(report, &panel.title, &arms, out);
    }
}

fn arms_table(report: &Report, title: &str, arms: &[&ArmReport], out: &mut String) {
    // The paper's columns stand only where it has a number of the metric.
    let has = |metric: Metric| {
        let mut cells = arms.iter().flat_map(|arm| {
            let splits = report.splits.iter();
            splits.map(move |split| report.paper_value(&arm.id, split, metric))
        });
        cells.any(|value| value.is_some())
    };
    let shown = METRICS.map(has);
    let scale = report.scale.name();
    let mut head = ["arm", "split", "pairs", "always tie: tau"]
        .map(str::to_owned)
        .to_vec();
    for (metric, has) in METRICS.into_iter().zip(shown) {
        let name = metric.name();
        if has {
            head.push(format!("{name}: paper"));
        }
        head.push(format!("{name}: ours ({scale})"));
        if has {
            head.push("difference".to_owned());
        }
    }
    head.extend(["all four", "calls", "no answer"].map(str::to_owned));
    let mut rows = vec![head];
    for arm in arms {
        for split in &report.splits {
            rows.push(row(report, arm, &split.id, Some(split), shown));
        }
        // Splits that ask different things are not counted together.
        let totals = groups(report);
        for total in if totals.is_empty() {
            vec!["all"]
        } else {
            totals
        } {
            rows.push(row(report, arm, total, None, shown));
        }
    }
    // Writing into a String cannot fail.
    let _ = writeln!(out, "\n## {title} (%)\n");
    padded(&rows, out);
}

/// The groups of splits, in the order in which they are first named.
fn groups(report: &Report) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for group in report.splits.iter().filter_map(|s| s.group.as_deref()) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn row(
    report: &Report,
    arm: &ArmReport,
    name: &str,
    split: Option<&SplitSpec>,
    shown: [bool; 2],
) -> Vec<String> {
    let first = split.is_some() && report.splits.first() == split;
    let label = if first { arm.label.as_str() } else { "" };
    let part = &arm.parts[name];
    let count = |pairs: Option<&usize>| pairs.map_or("–".to_owned(), usize::to_string);
    let rate = |tau: Option<&f64>| tau.map_or("–".to_owned(), |tau| format!("{tau:.1}"));
    let mut cells = vec![
        label.to_owned(),
        name.to_owned(),
        count(report.pairs.get(name)),
        rate(report.always_tie.get(name)),
    ];
    for (metric, shown) in METRICS.into_iter().zip(shown) {
        let ours = part.metrics[&metric];
        let paper = split.and_then(|split| report.paper_value(&arm.id, split, metric));
        if shown {
            cells.push(paper_cell(paper));
        }
        cells.push(plus_minus(ours));
        if shown {
            let off = paper.map(|(value, _)| signed(ours.value - value));
            cells.push(off.unwrap_or_else(|| "–".to_owned()));
        }
    }
    cells.push(plus_minus(part.metrics[&Metric::All4]));
    cells.push(format!("{:.2}", part.counts.calls));
    cells.push(part.counts.no_answer.to_string());
    cells
}
