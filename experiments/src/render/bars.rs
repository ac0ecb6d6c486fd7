//! In: a panel of arms. Out: grouped bars: a group a split, a bar an arm, whiskers the 95 % interval.
//!
//! The paper's values are hollow diamonds, never bars.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Area, Drawn, INK, SOFT, anchored, diamond, line, style, write};
use super::frame::{Frame, colour};
use super::legend::{Entry, Sign};
use crate::compare::Report;
use crate::paper::Status;
use crate::spec::Panel;

/// What the legend says.
pub(super) fn entries(
    report: &Report,
    panel: &Panel,
    colours: &BTreeMap<&str, RGBColor>,
) -> Vec<Entry> {
    let arms = panel.arms.iter().filter_map(|id| report.arm(id));
    let mut entries: Vec<Entry> = arms
        .map(|arm| Entry {
            sign: Sign::Bar(colour(colours, &arm.id)),
            label: arm.label.clone(),
        })
        .collect();
    let shown = panel.arms.iter().any(|arm| {
        let known = |split| report.paper_value(arm, split, panel.metric).is_some();
        report.splits.iter().any(known)
    });
    entries.extend(shown.then(|| Entry {
        sign: Sign::Paper,
        label: "paper".to_owned(),
    }));
    entries
}

/// One axis for all panels, in tens, around everything that is drawn.
pub(super) fn range(report: &Report) -> (f64, f64) {
    let mut values = Vec::new();
    for panel in report.panels.iter().filter(|panel| panel.lines.is_none()) {
        for arm in panel.arms.iter().filter_map(|id| report.arm(id)) {
            for split in &report.splits {
                let ours = arm.parts[&split.id].metrics[&panel.metric];
                values.extend([ours.low, ours.high]);
                let paper = report.paper_value(&arm.id, split, panel.metric);
                values.extend(paper.map(|(value, _)| value));
            }
        }
    }
    let low = values.iter().copied().fold(100.0, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    // Room below the lowest bar for its number.
    let low = (((low - 14.0) / 10.0).floor() * 10.0).clamp(0.0, 80.0);
    let high = ((high + 2.0) / 10.0).ceil() * 10.0;
    (low, high.clamp(low + 20.0, 100.0))
}

pub(super) fn draw(
    report: &Report,
    panel: &Panel,
    root: &Area<'_>,
    frame: &Frame,
    colours: &BTreeMap<&str, RGBColor>,
) -> Drawn {
    frame.axis(root, &panel.metric.axis())?;
    for (i, split) in report.splits.iter().enumerate() {
        let (left, width) = group(report, frame, i);
        let at = (left + width / 2, frame.bottom + 10);
        let centred = anchored(style(13, INK, false), HPos::Center, VPos::Top);
        write(root, &split.label, at, &centred)?;
    }
    let arms: Vec<_> = panel.arms.iter().filter_map(|id| report.arm(id)).collect();
    for (i, split) in report.splits.iter().enumerate() {
        let (left, each) = group(report, frame, i);
        let width = ((each - 22) / arms.len().max(1) as i32).min(46);
        let start = left + (each - width * arms.len() as i32) / 2;
        for (j, arm) in arms.iter().enumerate() {
            let x = start + j as i32 * width;
            let middle = x + width / 2;
            let ours = arm.parts[&split.id].metrics[&panel.metric];
            let top = frame.y(ours.value);
            let bar = [(x + 2, top), (x + width - 2, frame.bottom)];
            root.draw(&Rectangle::new(bar, colour(colours, &arm.id).filled()))?;
            let (low, high) = (frame.y(ours.low), frame.y(ours.high));
            for points in [
                vec![(middle, low), (middle, high)],
                vec![(middle - 4, low), (middle + 4, low)],
                vec![(middle - 4, high), (middle + 4, high)],
            ] {
                line(root, points, INK, 1)?;
            }
            if frame.bottom - low.max(top) > 44 {
                let inside = style(12, WHITE, true)
                    .transform(FontTransform::Rotate270)
                    .pos(Pos::new(HPos::Left, VPos::Center));
                let label = format!("{:.1}", ours.value);
                write(root, &label, (middle, frame.bottom - 6), &inside)?;
            }
            if let Some((value, status)) = report.paper_value(&arm.id, split, panel.metric) {
                let ink = match status {
                    Status::Stated => INK,
                    Status::Inferred => SOFT,
                };
                diamond(root, (middle, frame.y(value)), ink)?;
            }
        }
    }
    Ok(())
}

/// Left edge and width of the `i`-th split's group.
fn group(report: &Report, frame: &Frame, i: usize) -> (i32, i32) {
    let each = (frame.right - frame.left) / report.splits.len().max(1) as i32;
    (frame.left + i as i32 * each, each)
}
