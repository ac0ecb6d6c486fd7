//! Where a panel's plot stands and what its axes span; which colour an arm has.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{ACCENT, Area, Drawn, GRID, PALETTE, SOFT, anchored, line, style, write};
use crate::compare::Report;
use crate::spec::Panel;

/// Where a panel's plot stands, in pixels, and what its vertical axis spans.
pub(super) struct Frame {
    pub left: i32,
    pub right: i32,
    pub top: i32,
    pub bottom: i32,
    pub low: f64,
    pub high: f64,
    /// Between two marks of the axis.
    pub step: f64,
}

impl Frame {
    /// Where a value stands, or the nearest edge.
    pub fn y(&self, value: f64) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }

    /// The vertical axis, and the line that everything stands on.
    pub fn axis(&self, root: &Area<'_>, unit: &str) -> Drawn {
        let tick = anchored(style(12, SOFT, false), HPos::Right, VPos::Center);
        let places = (-self.step.log10().floor()).max(0.0) as usize;
        let marks = ((self.high - self.low) / self.step).round() as i32;
        for mark in 0..=marks {
            let value = self.low + f64::from(mark) * self.step;
            let y = self.y(value);
            line(root, vec![(self.left, y), (self.right, y)], GRID, 1)?;
            // Never -0.
            let value = if value.abs() < self.step / 2.0 {
                0.0
            } else {
                value
            };
            write(
                root,
                &format!("{value:.places$}"),
                (self.left - 8, y),
                &tick,
            )?;
        }
        let above = anchored(style(12, SOFT, false), HPos::Left, VPos::Bottom);
        write(root, unit, (self.left - 30, self.top - 8), &above)?;
        let base = vec![(self.left, self.bottom), (self.right, self.bottom)];
        line(root, base, SOFT, 1)
    }
}

/// The arm of most panels gets the accent; the others keep one colour wherever they appear.
pub(super) fn colours(report: &Report) -> BTreeMap<&str, RGBColor> {
    let shown = |id: &str| {
        let with = |panel: &&Panel| panel.arms.iter().any(|arm| arm == id);
        report.panels.iter().filter(with).count()
    };
    let accent = report
        .arms
        .iter()
        .rev()
        .max_by_key(|arm| shown(&arm.id))
        .map(|arm| arm.id.as_str());
    let mut colours = BTreeMap::new();
    for panel in &report.panels {
        for id in &panel.arms {
            let taken: Vec<RGBColor> = panel
                .arms
                .iter()
                .filter_map(|arm| colours.get(arm.as_str()).copied())
                .collect();
            let free = PALETTE.iter().find(|colour| !taken.contains(colour));
            let fresh = free.copied().unwrap_or(SOFT);
            let pick = if accent == Some(id) { ACCENT } else { fresh };
            colours.entry(id.as_str()).or_insert(pick);
        }
    }
    colours
}

pub(super) fn colour(colours: &BTreeMap<&str, RGBColor>, arm: &str) -> RGBColor {
    colours.get(arm).copied().unwrap_or(SOFT)
}
