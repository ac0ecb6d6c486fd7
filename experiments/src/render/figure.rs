//! In: a report. Out: its figure as SVG, and as PNG drawn from that very SVG.
//!
//! Panels of grouped bars: a group a split, a bar an arm, whiskers the 95 % interval. The paper's values
//! are hollow diamonds, never bars.

use std::collections::BTreeMap;
use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::{tiny_skia, usvg};

use super::fonts;
use super::table::summary;
use crate::compare::Report;
use crate::paper::Status;
use crate::spec::Panel;

const COLUMNS: usize = 3;
const PANEL: (i32, i32) = (560, 430);
const MARGIN: i32 = 36;
const HEAD: i32 = 96;
const LINE: i32 = 20;
/// A row of a legend.
const ROW: i32 = 22;
/// Rows of a legend that a panel's height has room for.
const ROWS: i32 = 2;
/// The PNG has this many pixels for each unit of the SVG.
const PNG_SCALE: f32 = 1.5;

const INK: RGBColor = RGBColor(32, 36, 44);
const SOFT: RGBColor = RGBColor(106, 113, 125);
const GRID: RGBColor = RGBColor(228, 231, 236);
/// The arm that most panels share; the others in order of appearance.
const ACCENT: RGBColor = RGBColor(38, 84, 138);
const PALETTE: [RGBColor; 8] = [
    RGBColor(222, 137, 62),
    RGBColor(84, 155, 114),
    RGBColor(178, 96, 118),
    RGBColor(128, 118, 178),
    RGBColor(150, 158, 168),
    RGBColor(96, 160, 190),
    RGBColor(196, 176, 84),
    RGBColor(94, 78, 66),
];

/// A figure that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the figure could not be drawn: {0}")]
pub struct FigureError(String);

impl FigureError {
    fn from(error: impl Error) -> Self {
        Self(error.to_string())
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

/// The figure as SVG. The same report gives the same bytes.
///
/// # Errors
/// [`FigureError`] when the drawing library refuses.
pub fn svg(report: &Report) -> Result<String, FigureError> {
    fonts::register();
    let rows = report.panels.len().div_ceil(COLUMNS).max(1) as i32;
    let columns = report.panels.len().clamp(1, COLUMNS) as i32;
    let width = 2 * MARGIN + columns * PANEL.0;
    let foot = footer(report, width);
    let more = legend_rows(report).map_err(FigureError::from)?;
    let height = HEAD + rows * (PANEL.1 + more) + foot.len() as i32 * LINE + MARGIN;
    let mut text = String::new();
    {
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(report, &root, &foot, (height, more)).map_err(FigureError::from)?;
        root.present().map_err(FigureError::from)?;
    }
    let head = text.find('>').map_or(0, |at| at + 1);
    text.insert_str(head, &fonts::style_sheet());
    Ok(text)
}

/// The SVG's picture as PNG.
///
/// # Errors
/// [`FigureError`] when `svg` is not one that [`svg`] wrote.
pub fn png(svg: &str) -> Result<Vec<u8>, FigureError> {
    let options = usvg::Options {
        fontdb: fonts::database(),
        font_family: fonts::FAMILY.to_owned(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(FigureError::from)?;
    let size = tree.size();
    let pixels = |length: f32| (length * PNG_SCALE).round() as u32;
    let mut canvas = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| FigureError("it has no area".to_owned()))?;
    let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
    resvg::render(&tree, scale, &mut canvas.as_mut());
    canvas.encode_png().map_err(FigureError::from)
}

/// `more` is how much higher than [`PANEL`] the legends make each panel.
fn draw(report: &Report, root: &Area<'_>, foot: &[String], (height, more): (i32, i32)) -> Drawn {
    root.fill(&WHITE)?;
    write(root, &report.title, (MARGIN, 30), &style(24, INK, true))?;
    write(
        root,
        &summary(report),
        (MARGIN, 64),
        &style(14, SOFT, false),
    )?;
    let colours = colours(report);
    let range = range(report);
    for (i, panel) in report.panels.iter().enumerate() {
        let left = MARGIN + (i % COLUMNS) as i32 * PANEL.0;
        let top = HEAD + (i / COLUMNS) as i32 * (PANEL.1 + more);
        let frame = Frame {
            left: left + 44,
            right: left + PANEL.0 - 24,
            top: top + more + 102,
            bottom: top + more + PANEL.1 - 54,
            low: range.0,
            high: range.1,
        };
        legend(report, panel, root, (left, top), &colours)?;
        axes(report, panel, root, &frame)?;
        bars(report, panel, root, &frame, &colours)?;
    }
    let first = height - MARGIN / 2 - foot.len() as i32 * LINE;
    for (i, line) in foot.iter().enumerate() {
        let at = (MARGIN, first + i as i32 * LINE);
        write(root, line, at, &style(13, SOFT, false))?;
    }
    Ok(())
}

/// Where a panel's plot stands, in pixels, and what its axis spans, in percent.
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    low: f64,
    high: f64,
}

impl Frame {
    fn y(&self, value: f64) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }
}

/// Title, swatches with the arms' labels, and the sign of the paper's values.
fn legend(
    report: &Report,
    panel: &Panel,
    root: &Area<'_>,
    (left, top): (i32, i32),
    colours: &BTreeMap<&str, RGBColor>,
) -> Drawn {
    write(root, &panel.title, (left, top + 8), &style(17, INK, true))?;
    let text = style(13, INK, false);
    for ((x, row), entry) in places(report, panel, root)? {
        let (x, y) = (left + x, top + 38 + row * ROW);
        match entry {
            Entry::Arm(id, label) => {
                let swatch = [(x, y + 1), (x + 13, y + 14)];
                root.draw(&Rectangle::new(swatch, colour(colours, id).filled()))?;
                write(root, label, (x + 19, y), &text)?;
            }
            Entry::Paper => {
                diamond(root, (x + 7, y + 8), INK)?;
                write(root, entry.label(), (x + 19, y), &text)?;
            }
        }
    }
    Ok(())
}

/// What a legend explains.
enum Entry<'a> {
    /// An arm's bars: its id and its label.
    Arm(&'a str, &'a str),
    /// The paper's values.
    Paper,
}

impl Entry<'_> {
    fn label(&self) -> &str {
        match self {
            Self::Arm(_, label) => label,
            Self::Paper => "paper",
        }
    }
}

type Place<'a> = ((i32, i32), Entry<'a>);
type Placed<'a> = Result<
    Vec<Place<'a>>,
    DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>,
>;

/// The entries of a panel's legend, each at `(x, row)` from the legend's corner.
fn places<'a>(report: &'a Report, panel: &'a Panel, root: &Area<'_>) -> Placed<'a> {
    let arms = panel.arms.iter().filter_map(|id| report.arm(id));
    let mut entries: Vec<Entry<'_>> = arms.map(|arm| Entry::Arm(&arm.id, &arm.label)).collect();
    let shown = panel.arms.iter().any(|arm| {
        let known = |split| report.paper_value(arm, split, panel.metric).is_some();
        report.splits.iter().any(known)
    });
    entries.extend(shown.then_some(Entry::Paper));
    let text = style(13, INK, false);
    let (mut x, mut row) = (0, 0);
    let mut placed = Vec::with_capacity(entries.len());
    for entry in entries {
        let width = 34 + root.estimate_text_size(entry.label(), &text)?.0 as i32;
        if x + width > PANEL.0 - 24 {
            (x, row) = (0, row + 1);
        }
        placed.push(((x, row), entry));
        x += width;
    }
    Ok(placed)
}

/// How much higher the longest legend makes each panel.
fn legend_rows(
    report: &Report,
) -> Result<i32, DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>> {
    // Texts are measured on a canvas that nobody sees: the height of the real one depends on them.
    let mut scratch = String::new();
    let root = SVGBackend::with_string(&mut scratch, (1, 1)).into_drawing_area();
    let mut rows = ROWS;
    for panel in &report.panels {
        let last = places(report, panel, &root)?
            .last()
            .map(|(place, _)| place.1);
        rows = rows.max(last.unwrap_or(0) + 1);
    }
    Ok((rows - ROWS) * ROW)
}

fn axes(report: &Report, panel: &Panel, root: &Area<'_>, frame: &Frame) -> Drawn {
    let tick = style(12, SOFT, false).pos(Pos::new(HPos::Right, VPos::Center));
    let mut value = frame.low;
    while value <= frame.high + 1e-9 {
        let y = frame.y(value);
        let line = vec![(frame.left, y), (frame.right, y)];
        root.draw(&PathElement::new(line, GRID.stroke_width(1)))?;
        write(root, &format!("{value:.0}"), (frame.left - 8, y), &tick)?;
        value += 10.0;
    }
    let unit = format!("{} accuracy, %", panel.metric.name());
    let above = style(12, SOFT, false).pos(Pos::new(HPos::Left, VPos::Bottom));
    write(root, &unit, (frame.left - 30, frame.top - 8), &above)?;
    let base = vec![(frame.left, frame.bottom), (frame.right, frame.bottom)];
    root.draw(&PathElement::new(base, SOFT.stroke_width(1)))?;
    for (i, split) in report.splits.iter().enumerate() {
        let (left, width) = group(report, frame, i);
        let at = (left + width / 2, frame.bottom + 10);
        let centred = style(13, INK, false).pos(Pos::new(HPos::Center, VPos::Top));
        write(root, &split.label, at, &centred)?;
    }
    Ok(())
}

/// Left edge and width of the `i`-th split's group.
fn group(report: &Report, frame: &Frame, i: usize) -> (i32, i32) {
    let each = (frame.right - frame.left) / report.splits.len().max(1) as i32;
    (frame.left + i as i32 * each, each)
}

fn bars(
    report: &Report,
    panel: &Panel,
    root: &Area<'_>,
    frame: &Frame,
    colours: &BTreeMap<&str, RGBColor>,
) -> Drawn {
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
            let whisker = INK.stroke_width(1);
            for line in [
                vec![(middle, low), (middle, high)],
                vec![(middle - 4, low), (middle + 4, low)],
                vec![(middle - 4, high), (middle + 4, high)],
            ] {
                root.draw(&PathElement::new(line, whisker))?;
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

/// A hollow diamond with a white rim, so that it shows on a bar too.
fn diamond(root: &Area<'_>, (x, y): (i32, i32), ink: RGBColor) -> Drawn {
    let around = |r: i32| vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)];
    root.draw(&Polygon::new(around(8), WHITE.filled()))?;
    root.draw(&PathElement::new(around(6), ink.stroke_width(2)))
}

fn footer(report: &Report, width: i32) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(paper) = &report.paper {
        notes.push(format!(
            "Diamonds: {}, {}; splits stand in the places of its benchmarks ({}), they are other data. \
             Grey diamonds: which bar the number belongs to is inferred. Axes do not start at 0.",
            report.paper_source,
            paper.what,
            paper.benchmarks.join(", ")
        ));
    }
    notes.extend(report.notes.iter().cloned());
    let letters = (f64::from(width - 2 * MARGIN) / 5.8) as usize;
    notes.iter().flat_map(|note| wrap(note, letters)).collect()
}

fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= letters
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// One axis for all panels, in tens, around everything that is drawn.
fn range(report: &Report) -> (f64, f64) {
    let mut values = Vec::new();
    for panel in &report.panels {
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
    (
        low,
        ((high + 2.0) / 10.0)
            .ceil()
            .mul_add(10.0, 0.0)
            .clamp(low + 20.0, 100.0),
    )
}

/// The arm of most panels gets the accent; the others keep one colour wherever they appear.
fn colours(report: &Report) -> BTreeMap<&str, RGBColor> {
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

fn colour(colours: &BTreeMap<&str, RGBColor>, arm: &str) -> RGBColor {
    colours.get(arm).copied().unwrap_or(SOFT)
}

fn style(size: u32, colour: RGBColor, bold: bool) -> TextStyle<'static> {
    let weight = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font: FontDesc<'static> = (fonts::FAMILY, size, weight).into();
    font.color(&colour)
}

fn write(root: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    root.draw_text(text, style, at)
}
