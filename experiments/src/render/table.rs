//! In: a report. Out: `table.md`, which is also what the terminal shows.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::curve_table::curve_table;
use super::grid::grid;
use crate::compare::{ArmReport, Report};
use crate::paper::Status;
use crate::spec::{Kind, Panel, SplitSpec};
use crate::stats::{Interval, Metric};

/// The report as Markdown: one table a panel, then the claims.
pub fn table(report: &Report) -> String {
    let mut out = format!("# {}\n\n{}\n", report.title, summary(report));
    match report.kind {
        Kind::Figure => {
            for panel in &report.panels {
                match report.curves.get(&panel.id) {
                    Some(curve) => curve_table(panel, curve, &mut out),
                    None => panel_table(report, panel, &mut out),
                }
            }
        }
        Kind::Table | Kind::Measurement | Kind::Diagram | Kind::Cases => grid(report, &mut out),
    }
    claims(report, &mut out);
    notes(report, &mut out);
    out
}

/// Scale, pairs, seeds and revision in one line.
pub fn summary(report: &Report) -> String {
    let pairs = report.pairs.get("all").copied().unwrap_or(0);
    let seeds: Vec<String> = report.seeds.iter().map(u64::to_string).collect();
    format!(
        "scale {} · {pairs} held-out pairs · seed{} {} · 95 % paired bootstrap intervals · revision {}",
        report.scale.name(),
        if seeds.len() == 1 { "" } else { "s" },
        seeds.join(", "),
        report.revision,
    )
}

fn panel_table(report: &Report, panel: &Panel, out: &mut String) {
    let beside = report.beside.as_deref();
    let metric = panel.metric;
    let mut rows = vec![vec![
        "arm".to_owned(),
        "split".to_owned(),
        "paper".to_owned(),
        format!("ours ({})", report.scale.name()),
        "difference".to_owned(),
    ]];
    rows[0].extend(beside.map(str::to_owned));
    rows[0].extend(["all four", "calls", "no answer"].map(str::to_owned));
    let arms: Vec<&ArmReport> = panel.arms.iter().filter_map(|id| report.arm(id)).collect();
    let tools = tools(&arms);
    if !tools.is_empty() {
        rows[0].push("pictures".to_owned());
        rows[0].extend(tools.iter().map(|tool| format!("`{tool}`")));
    }
    for arm in arms {
        for split in &report.splits {
            rows.push(row(report, arm, Some(split), metric, &tools));
        }
        rows.push(row(report, arm, None, metric, &tools));
    }
    // Writing into a String cannot fail.
    let _ = writeln!(out, "\n## {} ({} %)\n", panel.title, metric.name());
    padded(&rows, out);
}

/// Every operation that an arm's policy called, where more than one was offered.
fn tools<'a>(arms: &[&'a ArmReport]) -> Vec<&'a str> {
    let called = arms.iter().flat_map(|arm| arm.parts.values());
    let names: BTreeSet<&str> = called
        .flat_map(|part| part.counts.by_tool.keys())
        .map(String::as_str)
        .collect();
    names.into_iter().collect()
}

fn row(
    report: &Report,
    arm: &ArmReport,
    split: Option<&SplitSpec>,
    metric: Metric,
    tools: &[&str],
) -> Vec<String> {
    let name = split.map_or("all", |split| split.id.as_str());
    let first = split.is_some() && report.splits.first() == split;
    let paper = split.and_then(|split| report.paper_value(&arm.id, split, metric));
    let part = &arm.parts[name];
    let ours = part.metrics[&metric];
    let mut cells = vec![
        if first {
            arm.label.clone()
        } else {
            String::new()
        },
        name.to_owned(),
        paper_cell(paper),
        plus_minus(ours),
        paper.map_or("–".to_owned(), |(value, _)| signed(ours.value - value)),
    ];
    if report.beside.is_some() {
        let second = part.beside.as_ref().map(|metrics| metrics[&metric]);
        cells.push(second.map_or("–".to_owned(), plus_minus));
    }
    cells.push(plus_minus(part.metrics[&Metric::All4]));
    cells.push(format!("{:.2}", part.counts.calls));
    cells.push(part.counts.no_answer.to_string());
    if !tools.is_empty() {
        let pictures = part.counts.visual_tokens.unwrap_or(0.0);
        cells.push(format!("{pictures:.1}"));
    }
    cells.extend(tools.iter().map(|tool| {
        let calls = part.counts.by_tool.get(*tool);
        calls.map_or("–".to_owned(), |calls| format!("{calls:.2}"))
    }));
    cells
}

/// A number of the paper's, marked where it is inferred which cell it belongs to.
pub(super) fn paper_cell(paper: Option<(f64, Status)>) -> String {
    match paper {
        Some((value, Status::Stated)) => format!("{value:.1}"),
        Some((value, Status::Inferred)) => format!("{value:.1} [I]"),
        None => "–".to_owned(),
    }
}

pub(super) fn plus_minus(interval: Interval) -> String {
    format!("{:.1} ± {:.1}", interval.value, interval.half_width())
}

/// With a sign, and never `-0.0`.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text == "-0.0" {
        "+0.0".to_owned()
    } else {
        text
    }
}

/// The same with the places that the metric deserves.
fn signed_in(metric: Metric, value: f64) -> String {
    if metric.is_accuracy() {
        signed(value)
    } else {
        // Adding 0 turns -0 into 0.
        format!("{:+.2}", (value * 100.0).round() / 100.0 + 0.0)
    }
}

fn claims(report: &Report, out: &mut String) {
    if report.claims.is_empty() {
        return;
    }
    let mut rows = vec![
        [
            "claim",
            "verdict",
            "difference (95 %)",
            "statement",
            "metric",
            "pairs",
            "paper",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for claim in &report.claims {
        rows.push(vec![
            claim.text.clone(),
            claim.verdict.words().to_owned(),
            format!(
                "{} [{}, {}]",
                signed_in(claim.metric, claim.difference.value),
                signed_in(claim.metric, claim.difference.low),
                signed_in(claim.metric, claim.difference.high)
            ),
            claim.statement.to_string(),
            claim.metric.name().to_owned(),
            match &claim.than_split {
                Some(than) => format!("{} more than {than}", claim.split),
                None => claim.split.clone(),
            },
            claim.paper.clone().unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    let _ = writeln!(out, "\n## Claims\n");
    padded(&rows, out);
}

fn notes(report: &Report, out: &mut String) {
    let ties: Vec<String> = report
        .splits
        .iter()
        .map(|split| split.id.as_str())
        .chain(["all"])
        .filter_map(|name| Some(format!("{name} {:.1}", report.always_tie.get(name)?)))
        .collect();
    let _ = writeln!(
        out,
        "\n## Notes\n\n- Always answering a tie scores tau: {}.\n- tau: overall judgments right, of all \
         pairs; diff: of pairs that are no tie; all four: every judgment right. No answer is wrong.",
        ties.join(", ")
    );
    if let Some(paper) = &report.paper {
        let place = |split: &SplitSpec| Some(format!("{} for {}", split.id, split.paper.as_ref()?));
        let places: Vec<String> = report.splits.iter().filter_map(place).collect();
        let stand = match &places[..] {
            [] => String::new(),
            places => format!(
                " Splits stand in the places of benchmarks ({}); they are other data.",
                places.join(", ")
            ),
        };
        let inferred = match paper.infers() {
            true => "; [I]: which bar the number belongs to is inferred",
            false => "",
        };
        let _ = writeln!(
            out,
            "- paper: {}, {}{inferred}.{stand}",
            report.paper_source, paper.what
        );
        for unresolved in &paper.unresolved {
            let values: Vec<String> = unresolved.values.iter().map(f64::to_string).collect();
            let _ = writeln!(
                out,
                "- paper: {} share the values {}; which is which is unresolved.",
                unresolved.arms.join(" and "),
                values.join(", ")
            );
        }
    }
    for note in &report.notes {
        let _ = writeln!(out, "- {note}");
    }
}

/// Pads cells, so that the source reads as a table too.
pub(crate) fn padded(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (i, row) in rows.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            let _ = write!(out, "| {cell:<width$} ");
        }
        let _ = writeln!(out, "|");
        if i == 0 {
            for &width in &widths {
                let _ = write!(out, "|{}", "-".repeat(width + 2));
            }
            let _ = writeln!(out, "|");
        }
    }
}
