//! In: a report. Out: its figure as SVG: panels in rows, each with its legend, and what must be known below them.

use super::canvas::{self, Area, Drawn, FigureError, INK, SOFT, measure, style, wrap, write};
use super::frame::{Frame, colours};
use super::legend::{self, Entry, ROW};
use super::table::summary;
use super::{bars, curves};
use crate::compare::Report;
use crate::spec::Panel;

const COLUMNS: usize = 3;
const PANEL: (i32, i32) = (560, 430);
const MARGIN: i32 = 36;
const HEAD: i32 = 96;
const LINE: i32 = 20;
/// Rows of a legend that a panel's height has room for.
const ROWS: i32 = 2;
/// Width of a legend.
const LEGEND: i32 = PANEL.0 - 24;

/// The figure as SVG. The same report gives the same bytes.
///
/// # Errors
/// [`FigureError`] when the drawing library refuses.
pub fn svg(report: &Report) -> Result<String, FigureError> {
    let rows = report.panels.len().div_ceil(COLUMNS).max(1) as i32;
    let columns = report.panels.len().clamp(1, COLUMNS) as i32;
    let width = 2 * MARGIN + columns * PANEL.0;
    let foot = footer(report, width);
    let more = legend_rows(report)?;
    let height = HEAD + rows * (PANEL.1 + more) + foot.len() as i32 * LINE + MARGIN;
    canvas::svg((width, height), |root| {
        draw(report, root, &foot, (height, more))
    })
}

/// `more` is how much higher than [`PANEL`] the legends make each panel.
fn draw(report: &Report, root: &Area<'_>, foot: &[String], (height, more): (i32, i32)) -> Drawn {
    write(root, &report.title, (MARGIN, 30), &style(24, INK, true))?;
    write(
        root,
        &summary(report),
        (MARGIN, 64),
        &style(14, SOFT, false),
    )?;
    let colours = colours(report);
    for (i, panel) in report.panels.iter().enumerate() {
        let left = MARGIN + (i % COLUMNS) as i32 * PANEL.0;
        let top = HEAD + (i / COLUMNS) as i32 * (PANEL.1 + more);
        let (low, high, step) = match report.curves.get(&panel.id) {
            Some(curve) => curves::range(curve),
            None => {
                let (low, high) = bars::range(report);
                (low, high, 10.0)
            }
        };
        let frame = Frame {
            left: left + 44,
            right: left + PANEL.0 - 24,
            top: top + more + 102,
            bottom: top + more + PANEL.1 - 54,
            low,
            high,
            step,
        };
        write(root, &panel.title, (left, top + 8), &style(17, INK, true))?;
        legend::draw(&entries(report, panel), root, (left, top + 38), LEGEND)?;
        match report.curves.get(&panel.id) {
            Some(curve) => curves::draw(panel, curve, root, &frame, &colours)?,
            None => bars::draw(report, panel, root, &frame, &colours)?,
        }
    }
    let first = height - MARGIN / 2 - foot.len() as i32 * LINE;
    for (i, line) in foot.iter().enumerate() {
        let at = (MARGIN, first + i as i32 * LINE);
        write(root, line, at, &style(13, SOFT, false))?;
    }
    Ok(())
}

fn entries(report: &Report, panel: &Panel) -> Vec<Entry> {
    let colours = colours(report);
    match report.curves.get(&panel.id) {
        Some(curve) => curves::entries(curve, &colours),
        None => bars::entries(report, panel, &colours),
    }
}

/// How much higher the longest legend makes each panel.
fn legend_rows(report: &Report) -> Result<i32, FigureError> {
    let mut most = ROWS;
    for panel in &report.panels {
        let entries = entries(report, panel);
        most = most.max(measure(|root| legend::rows(&entries, root, LEGEND))?);
    }
    Ok((most - ROWS) * ROW)
}

fn footer(report: &Report, width: i32) -> Vec<String> {
    let mut notes = Vec::new();
    let bars = report.panels.iter().any(|panel| panel.lines.is_none());
    match &report.paper {
        Some(paper) if bars => notes.push(format!(
            "Diamonds: {}, {}; splits stand in the places of its benchmarks ({}), they are other data. \
             Grey diamonds: which bar the number belongs to is inferred. Axes do not start at 0.",
            report.paper_source,
            paper.what,
            paper.benchmarks.join(", ")
        )),
        Some(paper) => notes.push(format!("{}, {}.", report.paper_source, paper.what)),
        None => {}
    }
    if !report.curves.is_empty() {
        let bands =
            "Bands: 95 % intervals from a bootstrap over pairs and seeds. Axes do not start at 0.";
        notes.push(bands.to_owned());
    }
    notes.extend(report.notes.iter().cloned());
    let letters = (f64::from(width - 2 * MARGIN) / 5.8) as usize;
    notes.iter().flat_map(|note| wrap(note, letters)).collect()
}
