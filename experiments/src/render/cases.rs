//! In: chosen traces. Out: their figure as SVG, with the frames' own pixels, and their table.

use std::fmt::Write;

use vrt_core::pair::{FrameIndex, Judgment};
use vrt_view::{JudgmentRecord, RoundRecord};

use super::canvas::{self, FigureError, INK, PALETTE, SOFT, style, wrap, write};
use crate::cases::{Case, Cases};

const MARGIN: i32 = 36;
const WIDTH: i32 = 1240;
const LINE: i32 = 17;
const HEAD: i32 = 84;
/// Side of a frame.
const FRAME: i32 = 44;
const STEP: i32 = FRAME + 10;
/// A frame, its number, and room.
const ROW: i32 = FRAME + 24;
/// Left edge of what a unit fetched.
const FETCHED: i32 = WIDTH - MARGIN - 8 * STEP;
const LETTERS: usize = 112;

/// The figure as SVG. The same cases give the same bytes.
///
/// # Errors
/// [`FigureError`] when the drawing library refuses.
pub fn svg(cases: &Cases) -> Result<String, FigureError> {
    let notes = cases.notes.iter().flat_map(|note| wrap(note, 185));
    let foot: Vec<String> = notes.collect();
    let heights = cases.cases.iter().map(height);
    let body = heights.sum::<i32>().max(40);
    let height = HEAD + body + foot.len() as i32 * LINE + MARGIN;
    let mut pictures = String::new();
    let drawn = canvas::svg((WIDTH, height), |root| {
        let (soft, plain) = (style(13, SOFT, false), style(12, INK, false));
        write(root, &cases.title, (MARGIN, 28), &style(24, INK, true))?;
        write(root, &summary(cases), (MARGIN, 60), &soft)?;
        let mut y = HEAD;
        if cases.cases.is_empty() {
            let none = "No pair of these is a case of the rule.";
            write(root, none, (MARGIN, y), &plain)?;
        }
        for case in &cases.cases {
            write(root, &title(case), (MARGIN, y + 10), &style(15, INK, true))?;
            write(root, &about(case), (MARGIN, y + 34), &soft)?;
            y += 60;
            let first = "shown first: frame (video)";
            write(root, first, (MARGIN, y + 14), &plain)?;
            for (place, frame) in case.trace.initial.iter().enumerate() {
                let at = (MARGIN + 220 + place as i32 * STEP, y);
                let key = frame.to_string();
                let name = numbered(case, *frame);
                write(root, &name, (at.0, y + FRAME + 3), &style(11, SOFT, false))?;
                let shows = case.evidence.contains(frame);
                picture(&mut pictures, case, &key, shows, at);
            }
            y += ROW;
            for (number, round) in case.trace.rounds.iter().enumerate() {
                let unit = format!("unit {}", number + 1);
                write(root, &unit, (MARGIN, y), &style(12, SOFT, false))?;
                for (i, text) in words(round).iter().enumerate() {
                    write(root, text, (MARGIN + 50, y + i as i32 * LINE), &plain)?;
                }
                for (place, view) in round.views.iter().flatten().enumerate() {
                    let at = (FETCHED + place as i32 * STEP, y);
                    let name = numbered(case, view.frame);
                    write(root, &name, (at.0, y + FRAME + 3), &style(11, SOFT, false))?;
                    let shows = case.evidence.contains(&view.frame);
                    picture(&mut pictures, case, &view.key, shows, at);
                }
                if let Some(fate) = fate(case, number) {
                    write(root, &fate, (FETCHED, y + ROW - 2), &style(11, SOFT, false))?;
                }
                y += round_height(round);
            }
            y += 16;
        }
        for (i, note) in foot.iter().enumerate() {
            let at = (MARGIN, HEAD + body + 10 + i as i32 * LINE);
            write(root, note, at, &soft)?;
        }
        Ok(())
    })?;
    let end = drawn.rfind("</svg>").unwrap_or(drawn.len());
    Ok([&drawn[..end], &pictures, &drawn[end..]].concat())
}

fn height(case: &Case) -> i32 {
    60 + ROW + case.trace.rounds.iter().map(round_height).sum::<i32>() + 16
}

fn round_height(round: &RoundRecord) -> i32 {
    let fetched = if round.views.is_some() { ROW + 18 } else { 0 };
    (words(round).len() as i32 * LINE).max(fetched) + 12
}

/// The trace's own text.
fn words(round: &RoundRecord) -> Vec<String> {
    let lines = round.text.lines();
    // A call has no blanks where it could break.
    lines
        .flat_map(|line| wrap(&line.replace(',', ", ").replace(",  ", ", "), LETTERS))
        .collect()
}

/// A frame's number in the pool and its video's: `109 (2)`.
fn numbered(case: &Case, frame: FrameIndex) -> String {
    let second = frame.get() > case.trace.videos[0].frames;
    format!("{frame} ({})", if second { 2 } else { 1 })
}

/// A frame with its rim, in its own pixels.
fn picture(out: &mut String, case: &Case, key: &str, shows: bool, (x, y): (i32, i32)) {
    let rim = if shows { PALETTE[0] } else { SOFT };
    let width = if shows { 3 } else { 1 };
    let (side, colour) = (FRAME, format!("rgb({},{},{})", rim.0, rim.1, rim.2));
    // A record keeps every picture that was shown; a data URI has no sign that XML would read.
    if let Some(uri) = case.trace.pictures.get(key) {
        let _ = writeln!(
            out,
            "<image x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" \
             image-rendering=\"optimizeSpeed\" href=\"{uri}\"/>"
        );
    }
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"none\" \
         stroke=\"{colour}\" stroke-width=\"{width}\"/>"
    );
}

/// Which unit sees what a round fetched, and from when it is forgotten.
fn fate(case: &Case, number: usize) -> Option<String> {
    let rounds = &case.trace.rounds;
    let views = rounds[number].views.as_ref()?;
    let seen = |round: &RoundRecord| {
        let visible = |key: &String| round.window.visible.contains(key);
        views.iter().all(|view| visible(&view.key))
    };
    let outcomes = |round: &RoundRecord| round.views.is_some();
    // A later outcome may bring the same frames again: only the window's own number tells.
    let mine = rounds[..=number]
        .iter()
        .filter(|round| outcomes(round))
        .count();
    let gone = (number + 1..rounds.len())
        .find(|&later| usize::from(rounds[later].window.oldest) > mine)
        .filter(|&later| later + 1 < rounds.len());
    Some(match (seen(&rounds[number]), gone) {
        (false, _) => "fetched, never visible".to_owned(),
        (true, None) => format!("fetched by unit {}", number + 1),
        (true, Some(later)) => {
            let (by, from) = (number + 1, later + 2);
            format!("fetched by unit {by}, forgotten from unit {from} on")
        }
    })
}

fn title(case: &Case) -> String {
    let word = if case.right { "right" } else { "wrong" };
    format!("{word}: “{}”", case.trace.caption)
}

fn about(case: &Case) -> String {
    let trace = &case.trace;
    let said = |judgment: Option<&JudgmentRecord>| match judgment {
        Some(judgment) => {
            let (verdict, confidence) = (judgment.verdict(), judgment.cf);
            Judgment {
                verdict,
                confidence,
            }
            .to_string()
        }
        None => "none".to_owned(),
    };
    let list: Vec<String> = case.evidence.iter().map(ToString::to_string).collect();
    format!(
        "truth {} · verdict {} · videos of {} and {} frames · brief defects in {}",
        said(trace.truth.as_ref()),
        said(trace.answer.as_ref()),
        trace.videos[0].frames,
        trace.videos[1].frames,
        list.join(", ")
    )
}

fn summary(cases: &Cases) -> String {
    format!(
        "{} · scale {} · {} design pairs judged greedily, of {} the first frames miss the evidence · revision {}",
        cases.arm,
        cases.scale.name(),
        cases.rule.among,
        cases.missed,
        cases.revision
    )
}

/// The cases as Markdown.
pub fn table(cases: &Cases) -> String {
    let mut out = format!("# {}\n\n{}\n", cases.title, summary(cases));
    for case in &cases.cases {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "\n## {}\n\n{}", title(case), about(case));
        for (number, round) in case.trace.rounds.iter().enumerate() {
            let _ = writeln!(out, "\n```text\n{}\n```", round.text.trim());
            if let Some(fate) = fate(case, number) {
                let _ = writeln!(out, "\n{fate}");
            }
        }
    }
    for note in &cases.notes {
        let _ = writeln!(out, "\n{note}");
    }
    out
}
