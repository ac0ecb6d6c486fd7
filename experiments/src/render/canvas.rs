//! In: shapes and text. Out: an SVG whose bytes depend on nothing else, and the PNG of that very SVG.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::{tiny_skia, usvg};

use super::fonts;

/// The PNG has this many pixels for each unit of the SVG.
const PNG_SCALE: f32 = 1.5;

pub(super) const INK: RGBColor = RGBColor(32, 36, 44);
pub(super) const SOFT: RGBColor = RGBColor(106, 113, 125);
pub(super) const GRID: RGBColor = RGBColor(228, 231, 236);
/// The arm that most panels share; the others in order of appearance.
pub(super) const ACCENT: RGBColor = RGBColor(38, 84, 138);
pub(super) const PALETTE: [RGBColor; 8] = [
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
    pub(super) fn from(error: impl Error) -> Self {
        Self(error.to_string())
    }
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type DrawError =
    DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>;
pub(super) type Drawn = Result<(), DrawError>;

/// An SVG of this size with what `draw` puts on it.
pub(super) fn svg(
    (width, height): (i32, i32),
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String, FigureError> {
    fonts::register();
    let mut text = String::new();
    {
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(FigureError::from)?;
        draw(&root).map_err(FigureError::from)?;
        root.present().map_err(FigureError::from)?;
    }
    let head = text.find('>').map_or(0, |at| at + 1);
    text.insert_str(head, &fonts::style_sheet());
    Ok(text)
}

/// Measures on a canvas that nobody sees: the height of the real one may depend on it.
pub(super) fn measure<T>(
    of: impl FnOnce(&Area<'_>) -> Result<T, DrawError>,
) -> Result<T, FigureError> {
    fonts::register();
    let mut scratch = String::new();
    let root = SVGBackend::with_string(&mut scratch, (1, 1)).into_drawing_area();
    of(&root).map_err(FigureError::from)
}

/// The SVG's picture as PNG.
///
/// # Errors
/// [`FigureError`] when `svg` is not one that this program wrote.
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

/// The typeface in a size, a colour and a weight.
pub(super) fn style(size: u32, colour: RGBColor, bold: bool) -> TextStyle<'static> {
    let weight = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font: FontDesc<'static> = (fonts::FAMILY, size, weight).into();
    font.color(&colour)
}

/// The same text, hung up elsewhere than at its upper left.
pub(super) fn anchored(style: TextStyle<'static>, h: HPos, v: VPos) -> TextStyle<'static> {
    style.pos(Pos::new(h, v))
}

pub(super) fn write(root: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    root.draw_text(text, style, at)
}

pub(super) fn line(root: &Area<'_>, points: Vec<(i32, i32)>, ink: RGBColor, width: u32) -> Drawn {
    root.draw(&PathElement::new(points, ink.stroke_width(width)))
}

/// A level line of dashes.
pub(super) fn dashes(root: &Area<'_>, (left, right): (i32, i32), y: i32, ink: RGBColor) -> Drawn {
    for x in (left..right).step_by(12) {
        line(root, vec![(x, y), ((x + 7).min(right), y)], ink, 2)?;
    }
    Ok(())
}

/// A hollow diamond with a white rim, so that it shows on a bar too.
pub(super) fn diamond(root: &Area<'_>, (x, y): (i32, i32), ink: RGBColor) -> Drawn {
    let around = |r: i32| vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)];
    root.draw(&Polygon::new(around(8), WHITE.filled()))?;
    line(root, around(6), ink, 2)
}

/// Breaks a text into lines of at most `letters`.
pub(super) fn wrap(text: &str, letters: usize) -> Vec<String> {
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
