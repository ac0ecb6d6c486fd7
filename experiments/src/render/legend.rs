//! In: what a panel's marks mean. Out: its legend, in as many rows as the panel's width asks for.

use plotters::prelude::*;

use super::canvas::{Area, DrawError, Drawn, INK, dashes, diamond, line, style, write};

/// A row of a legend.
pub(super) const ROW: i32 = 22;

/// What stands before a label.
#[derive(Clone, Copy)]
pub(super) enum Sign {
    /// A bar.
    Bar(RGBColor),
    /// A line with points.
    Line(RGBColor),
    /// A dashed line.
    Dashes(RGBColor),
    /// A value of the paper.
    Paper,
}

/// A sign and its meaning.
pub(super) struct Entry {
    pub sign: Sign,
    pub label: String,
}

type Place<'a> = ((i32, i32), &'a Entry);

/// Each entry at `(x, row)` from the legend's corner.
fn places<'a>(
    entries: &'a [Entry],
    root: &Area<'_>,
    width: i32,
) -> Result<Vec<Place<'a>>, DrawError> {
    let text = style(13, INK, false);
    let (mut x, mut row) = (0, 0);
    let mut placed = Vec::with_capacity(entries.len());
    for entry in entries {
        let wide = 34 + root.estimate_text_size(&entry.label, &text)?.0 as i32;
        if x > 0 && x + wide > width {
            (x, row) = (0, row + 1);
        }
        placed.push(((x, row), entry));
        x += wide;
    }
    Ok(placed)
}

/// Rows that a legend takes.
pub(super) fn rows(entries: &[Entry], root: &Area<'_>, width: i32) -> Result<i32, DrawError> {
    let last = places(entries, root, width)?
        .last()
        .map(|(place, _)| place.1);
    Ok(last.unwrap_or(0) + 1)
}

pub(super) fn draw(
    entries: &[Entry],
    root: &Area<'_>,
    (left, top): (i32, i32),
    width: i32,
) -> Drawn {
    let text = style(13, INK, false);
    for ((x, row), entry) in places(entries, root, width)? {
        let (x, y) = (left + x, top + row * ROW);
        match entry.sign {
            Sign::Bar(colour) => {
                let swatch = [(x, y + 1), (x + 13, y + 14)];
                root.draw(&Rectangle::new(swatch, colour.filled()))?;
            }
            Sign::Line(colour) => {
                line(root, vec![(x - 2, y + 8), (x + 15, y + 8)], colour, 2)?;
                root.draw(&Circle::new((x + 6, y + 8), 4, colour.filled()))?;
            }
            Sign::Dashes(colour) => dashes(root, (x - 4, x + 15), y + 8, colour)?,
            Sign::Paper => diamond(root, (x + 7, y + 8), INK)?,
        }
        write(root, &entry.label, (x + 19, y), &text)?;
    }
    Ok(())
}
