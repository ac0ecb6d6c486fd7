//! In: a panel over a sweep. Out: its table: a row a value, a column a line.

use std::fmt::Write;

use super::table::{padded, plus_minus};
use crate::compare::Curve;
use crate::spec::Panel;
use crate::stats::Interval;

/// Appends the panel's table.
pub(super) fn curve_table(panel: &Panel, curve: &Curve, out: &mut String) {
    let cell = |interval: Interval| {
        if panel.metric.is_accuracy() {
            plus_minus(interval)
        } else {
            format!("{:.2} ± {:.2}", interval.value, interval.half_width())
        }
    };
    let mut rows = vec![vec![curve.axis.clone()]];
    rows[0].extend(curve.lines.iter().map(|line| line.label.clone()));
    let ticks = curve.lines.first().map_or(&[][..], |line| &line.points);
    for (i, point) in ticks.iter().enumerate() {
        let column = curve.lines.iter().map(|line| {
            let point = line.points.get(i);
            point.map_or("–".to_owned(), |point| cell(point.value))
        });
        rows.push([point.tick.clone()].into_iter().chain(column).collect());
    }
    // Writing into a String cannot fail.
    let _ = writeln!(out, "\n## {} ({})\n", panel.title, panel.metric.axis());
    padded(&rows, out);
    if let Some(dashed) = &curve.dashed {
        let _ = writeln!(out, "\n{}: {}", dashed.label, cell(dashed.value));
    }
    if let Some(paper) = curve.paper {
        let _ = writeln!(out, "\nThe paper chose {paper}.");
    }
}
