//! In: a panel with lines. Out: the lines with their 95 % bands, and a dashed line for what the axis does not move.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{
    ACCENT, Area, Drawn, INK, PALETTE, SOFT, anchored, dashes, line, style, write,
};
use super::frame::Frame;
use super::legend::{Entry, Sign};
use crate::compare::{Curve, Line};
use crate::spec::Panel;

/// Pixels between the plot's edge and the outermost points.
const INSET: i32 = 18;
/// Pixels that a mark of the horizontal axis needs for itself.
const TICK: i32 = 30;

/// What the legend says.
pub(super) fn entries(curve: &Curve, colours: &BTreeMap<&str, RGBColor>) -> Vec<Entry> {
    let lines = curve.lines.iter().enumerate();
    let mut entries: Vec<Entry> = lines
        .map(|(i, line)| Entry {
            sign: Sign::Line(ink(line, i, colours)),
            label: line.label.clone(),
        })
        .collect();
    entries.extend(curve.dashed.as_ref().map(|dashed| Entry {
        sign: Sign::Dashes(SOFT),
        label: dashed.label.clone(),
    }));
    entries
}

/// An arm has its colour; splits have those of the palette, and all of them together the accent.
fn ink(line: &Line, i: usize, colours: &BTreeMap<&str, RGBColor>) -> RGBColor {
    let arm = colours.get(line.id.as_str()).copied();
    arm.unwrap_or_else(|| match i {
        0 => ACCENT,
        _ => PALETTE[(i - 1) % PALETTE.len()],
    })
}

/// Lowest and highest mark of the vertical axis, and the step between two.
pub(super) fn range(curve: &Curve) -> (f64, f64, f64) {
    let points = curve.lines.iter().flat_map(|line| &line.points);
    let points = points.map(|point| point.value);
    let intervals = points.chain(curve.dashed.as_ref().map(|dashed| dashed.value));
    let (low, high) = intervals.fold((f64::MAX, f64::MIN), |(low, high), interval| {
        (low.min(interval.low), high.max(interval.high))
    });
    let wide = (high - low).max(1e-3);
    let power = 10f64.powf((wide / 4.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| wide / step <= 5.0);
    let step = step.unwrap_or(10.0 * power);
    (
        (low / step).floor() * step,
        (high / step).ceil() * step,
        step,
    )
}

pub(super) fn draw(
    panel: &Panel,
    curve: &Curve,
    root: &Area<'_>,
    frame: &Frame,
    colours: &BTreeMap<&str, RGBColor>,
) -> Drawn {
    frame.axis(root, &panel.metric.axis())?;
    let places = curve.lines.iter().flat_map(|line| &line.points);
    let (first, last) = places.fold((f64::MAX, f64::MIN), |(first, last), point| {
        (first.min(point.at), last.max(point.at))
    });
    let x = |at: f64| {
        let share = if last > first {
            (at - first) / (last - first)
        } else {
            0.5
        };
        let wide = f64::from(frame.right - frame.left - 2 * INSET);
        frame.left + INSET + (share * wide).round() as i32
    };
    if let Some(best) = curve.paper {
        let at = x(best);
        for y in (frame.top..frame.bottom).step_by(6) {
            line(root, vec![(at, y), (at, y + 2)], SOFT, 1)?;
        }
        let beside = anchored(style(11, SOFT, false), HPos::Left, VPos::Top);
        write(root, "paper's choice", (at + 4, frame.top + 1), &beside)?;
    }
    axis(curve, root, frame, &x)?;
    if let Some(dashed) = &curve.dashed {
        let band = [
            (frame.left, frame.y(dashed.value.high)),
            (frame.right, frame.y(dashed.value.low)),
        ];
        root.draw(&Rectangle::new(band, SOFT.mix(0.08).filled()))?;
        let y = frame.y(dashed.value.value);
        dashes(root, (frame.left, frame.right), y, SOFT)?;
    }
    for (i, one) in curve.lines.iter().enumerate() {
        let above = one.points.iter().map(|p| (x(p.at), frame.y(p.value.high)));
        let below = one.points.iter().rev();
        let below = below.map(|p| (x(p.at), frame.y(p.value.low)));
        let band: Vec<(i32, i32)> = above.chain(below).collect();
        let ink = ink(one, i, colours);
        root.draw(&Polygon::new(band, ink.mix(0.13).filled()))?;
    }
    // The first line is the one that matters: it lies on top.
    for (i, one) in curve.lines.iter().enumerate().rev() {
        let ink = ink(one, i, colours);
        let points = one.points.iter().map(|p| (x(p.at), frame.y(p.value.value)));
        let points: Vec<(i32, i32)> = points.collect();
        for &at in &points {
            root.draw(&Circle::new(at, 4, ink.filled()))?;
        }
        line(root, points, ink, if i == 0 { 3 } else { 2 })?;
    }
    Ok(())
}

/// The horizontal axis, with a mark at each point that has room for one.
fn axis(curve: &Curve, root: &Area<'_>, frame: &Frame, x: &dyn Fn(f64) -> i32) -> Drawn {
    let centred = anchored(style(12, SOFT, false), HPos::Center, VPos::Top);
    let points = curve.lines.first().map(|line| &line.points[..]);
    let mut free = i32::MIN;
    for point in points.unwrap_or_default() {
        let at = x(point.at);
        line(
            root,
            vec![(at, frame.bottom), (at, frame.bottom + 4)],
            SOFT,
            1,
        )?;
        if at >= free {
            write(root, &point.tick, (at, frame.bottom + 8), &centred)?;
            free = at + TICK;
        }
    }
    let middle = ((frame.left + frame.right) / 2, frame.bottom + 27);
    let label = anchored(style(13, INK, false), HPos::Center, VPos::Top);
    write(root, &curve.axis, middle, &label)
}
