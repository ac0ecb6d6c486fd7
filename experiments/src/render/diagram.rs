//! In: what the code declares of an episode and its training. Out: the framework figure as SVG, and its table.

use std::fmt::Write;

use plotters::prelude::*;

use super::canvas::{
    self, ACCENT, Area, Drawn, FigureError, GRID, INK, PALETTE, SOFT, line, style, wrap, write,
};
use crate::diagram::{Diagram, Round, Tool};

const MARGIN: i32 = 36;
const WIDTH: i32 = 1240;
const GAP: i32 = 30;
/// Height of a line of text.
const LINE: i32 = 17;
/// Height of a row of frames.
const ROW: i32 = 24;
const PAPER: RGBColor = RGBColor(245, 247, 250);
const FETCHED: RGBColor = PALETTE[0];
/// Top of the rounds.
const ROUNDS: i32 = 204;

/// Where everything stands.
struct Layout {
    columns: i32,
    units: i32,
    tools: i32,
    stages: i32,
    stage_lines: i32,
    reward: i32,
    foot: Vec<String>,
    height: i32,
}

impl Layout {
    fn of(diagram: &Diagram) -> Self {
        let columns = diagram.rounds.len().max(1) as i32;
        let width = column(columns);
        let longest = |round: &Round| unit_lines(round, width).len();
        let unit = diagram.rounds.iter().map(longest).max().unwrap_or(0) as i32;
        let units = ROUNDS + 34 + columns * ROW + 12;
        let tools = units + unit * LINE + 24 + GAP;
        let tool_lines = diagram.tools.iter().map(|tool| tool_lines(tool).len());
        let said = (1 + tool_lines.sum::<usize>() + rules(diagram).len()).max(3) as i32;
        let stages = tools + said * LINE + 30 + 76;
        let boxes = diagram.stages.len().max(1) as i32;
        let stage_lines = (diagram.stages.iter())
            .map(|role| role_lines(role, column(boxes)).len())
            .max()
            .unwrap_or(0) as i32;
        let reward = stages + stage_lines * LINE + 46 + 16;
        let notes = diagram.notes.iter();
        let foot: Vec<String> = notes.flat_map(|note| wrap(note, 190)).collect();
        let height = reward + 66 + 20 + foot.len() as i32 * LINE + 20;
        Self {
            columns,
            units,
            tools,
            stages,
            stage_lines,
            reward,
            foot,
            height,
        }
    }
}

/// The figure as SVG. The same diagram gives the same bytes.
///
/// # Errors
/// [`FigureError`] when the drawing library refuses.
pub fn svg(diagram: &Diagram) -> Result<String, FigureError> {
    let layout = Layout::of(diagram);
    canvas::svg((WIDTH, layout.height), |root| {
        write(root, &diagram.title, (MARGIN, 28), &style(24, INK, true))?;
        let (head, said) = (style(17, INK, true), style(13, SOFT, false));
        let first = "a  One episode: a policy judges two videos of one caption and fetches its own evidence";
        write(root, first, (MARGIN, 72), &head)?;
        strips(diagram, root)?;
        for (at, round) in diagram.rounds.iter().enumerate() {
            column_of(diagram, &layout, root, at, round)?;
        }
        tools(diagram, &layout, root)?;
        let second = "b  How the policy learns it";
        write(root, second, (MARGIN, layout.stages - 36), &head)?;
        stages(diagram, &layout, root)?;
        for (i, note) in layout.foot.iter().enumerate() {
            let y = layout.height - 20 - (layout.foot.len() - i) as i32 * LINE;
            write(root, note, (MARGIN, y), &said)?;
        }
        Ok(())
    })
}

/// Both videos as rows of frames; those shown first are filled.
fn strips(diagram: &Diagram, root: &Area<'_>) -> Drawn {
    let half = (WIDTH - 2 * MARGIN - GAP) / 2;
    for video in 0..2 {
        let left = MARGIN + video * (half + GAP);
        let (first, last) = (
            video as u32 * diagram.frames + 1,
            (video as u32 + 1) * diagram.frames,
        );
        let shown: Vec<String> = (diagram.initial.iter())
            .filter(|frame| (first..=last).contains(frame))
            .map(u32::to_string)
            .collect();
        let label = format!(
            "video {}: frames {first} to {last}; shown first: {}",
            video + 1,
            shown.join(", ")
        );
        write(root, &label, (left, 104), &style(13, INK, false))?;
        for (place, frame) in (first..=last).enumerate() {
            let step = f64::from(half) / f64::from(diagram.frames.max(1));
            let x = left + (place as f64 * step).round() as i32;
            let ink = if diagram.initial.contains(&frame) {
                ACCENT
            } else {
                GRID
            };
            let right = x + (step - 2.0).max(1.0) as i32;
            block(root, (x, 126), (right, 148), ink, None)?;
        }
    }
    let said = "Round by round: what the policy sees above, the unit that it writes below. The text of all earlier units stays; of what it fetched, the newest outcomes stay.";
    write(root, said, (MARGIN, 170), &style(13, SOFT, false))
}

/// One round: the evidence that is visible, the unit, and the way of a call to its outcome.
fn column_of(
    diagram: &Diagram,
    layout: &Layout,
    root: &Area<'_>,
    at: usize,
    round: &Round,
) -> Drawn {
    let width = column(layout.columns);
    let left = MARGIN + at as i32 * (width + GAP);
    let right = left + width;
    let label = style(12, INK, false);
    write(
        root,
        &format!("round {}", at + 1),
        (left, ROUNDS),
        &style(14, INK, true),
    )?;
    let rows = ROUNDS + 30;
    frames(
        root,
        "shown first",
        (left, rows),
        width,
        diagram.initial.len(),
        Seen::First,
    )?;
    for (outcome, &visible) in round.outcomes.iter().enumerate() {
        let y = rows + (outcome as i32 + 1) * ROW;
        let seen = if visible {
            Seen::Fetched
        } else {
            Seen::Forgotten
        };
        let what = format!("outcome {}", outcome + 1);
        let count = diagram.rules.frames_a_call as usize;
        frames(root, &what, (left, y), width, count, seen)?;
    }
    let bottom = layout.tools - GAP;
    block(
        root,
        (left, layout.units),
        (right, bottom),
        PAPER,
        Some(ACCENT),
    )?;
    let lines = unit_lines(round, width);
    for (i, text) in lines.iter().enumerate() {
        let y = layout.units + 12 + i as i32 * LINE;
        write(root, text, (left + 10, y), &label)?;
    }
    if at + 1 < layout.columns as usize {
        // From the call to the newest outcome of the next round.
        let (from, to) = (bottom - 20, rows + (at as i32 + 1) * ROW + 8);
        let turn = right + GAP / 2;
        let way = vec![
            (right, from),
            (turn, from),
            (turn, to),
            (right + GAP - 7, to),
        ];
        line(root, way, FETCHED, 2)?;
        tip(root, (right + GAP - 2, to), FETCHED)
    } else {
        let middle = left + width / 2;
        line(
            root,
            vec![(middle, bottom), (middle, layout.tools - 7)],
            ACCENT,
            2,
        )?;
        let head = [(0, 0), (-5, -8), (5, -8)].map(|(x, y)| (middle + x, layout.tools - 1 + y));
        root.draw(&Polygon::new(head.to_vec(), ACCENT.filled()))
    }
}

/// What becomes of a row of frames.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    First,
    Fetched,
    Forgotten,
}

fn frames(
    root: &Area<'_>,
    label: &str,
    (x, y): (i32, i32),
    width: i32,
    count: usize,
    seen: Seen,
) -> Drawn {
    let words = match seen {
        Seen::Forgotten => format!("{label}, forgotten"),
        _ => label.to_owned(),
    };
    let ink = if seen == Seen::Forgotten { SOFT } else { INK };
    let inset = if seen == Seen::First { 0 } else { 6 };
    write(root, &words, (x + inset, y + 2), &style(12, ink, false))?;
    let first = x + 128;
    let step = ((x + width - first) / count.max(1) as i32).min(17);
    for place in 0..count as i32 {
        let (a, b) = (
            (first + place * step, y),
            (first + (place + 1) * step - 3, y + 16),
        );
        match seen {
            Seen::First => block(root, a, b, ACCENT, None)?,
            Seen::Fetched => block(root, a, b, FETCHED, None)?,
            Seen::Forgotten => block(root, a, b, WHITE, Some(GRID))?,
        }
    }
    Ok(())
}

/// What can be called and how often, and beside it what comes out.
fn tools(diagram: &Diagram, layout: &Layout, root: &Area<'_>) -> Drawn {
    let width = column(layout.columns);
    let end = MARGIN + (layout.columns - 1) * (width + GAP);
    let bottom = layout.stages - 76;
    if layout.columns > 1 {
        block(
            root,
            (MARGIN, layout.tools),
            (end - GAP, bottom),
            WHITE,
            Some(FETCHED),
        )?;
    }
    let offered = format!(
        "what can be called, on the pool of all {} frames",
        2 * diagram.frames
    );
    let mut y = layout.tools + 12;
    write(root, &offered, (MARGIN + 12, y), &style(13, SOFT, false))?;
    y += LINE;
    for tool in &diagram.tools {
        for (i, text) in tool_lines(tool).iter().enumerate() {
            write(root, text, (MARGIN + 12, y), &style(13, INK, i == 0))?;
            y += LINE;
        }
    }
    for text in rules(diagram) {
        write(root, &text, (MARGIN + 12, y + 6), &style(13, SOFT, false))?;
        y += LINE;
    }
    block(
        root,
        (end, layout.tools),
        (end + width, bottom),
        WHITE,
        Some(ACCENT),
    )?;
    let said = [
        ("the verdict".to_owned(), true),
        (diagram.judged.join(", "), false),
        ("1, 2: that video is better; 0: a tie".to_owned(), false),
    ];
    for (i, (text, bold)) in said.iter().enumerate() {
        let at = (end + 12, layout.tools + 12 + i as i32 * LINE);
        write(root, text, at, &style(13, INK, *bold))?;
    }
    Ok(())
}

fn stages(diagram: &Diagram, layout: &Layout, root: &Area<'_>) -> Drawn {
    let boxes = diagram.stages.len().max(1) as i32;
    let width = column(boxes);
    let bottom = layout.stages + layout.stage_lines * LINE + 46;
    for (at, role) in diagram.stages.iter().enumerate() {
        let left = MARGIN + at as i32 * (width + GAP);
        block(
            root,
            (left, layout.stages),
            (left + width, bottom),
            PAPER,
            Some(ACCENT),
        )?;
        let title = (left + 10, layout.stages + 12);
        write(root, &role.title, title, &style(14, INK, true))?;
        for (i, (text, soft)) in role_lines(role, width).iter().enumerate() {
            let ink = if *soft { SOFT } else { INK };
            let y = layout.stages + 38 + i as i32 * LINE;
            write(root, text, (left + 10, y), &style(12, ink, false))?;
        }
        if at + 1 < diagram.stages.len() {
            let (x, y) = (left + width, (layout.stages + bottom) / 2);
            line(root, vec![(x, y), (x + GAP - 7, y)], ACCENT, 2)?;
            tip(root, (x + GAP - 2, y), ACCENT)?;
        }
    }
    let reward = &diagram.reward;
    let right = WIDTH - MARGIN;
    block(
        root,
        (MARGIN, layout.reward),
        (right, layout.reward + 62),
        WHITE,
        Some(GRID),
    )?;
    let sum = format!(
        "GRPO rewards {} = {}",
        reward.name,
        reward.terms.join(" + ")
    );
    write(
        root,
        &sum,
        (MARGIN + 12, layout.reward + 12),
        &style(13, INK, true),
    )?;
    let requires = match reward.requires.as_slice() {
        [] => "It requires nothing of its own weights.".to_owned(),
        lines => format!("It requires that {}.", lines.join(" and ")),
    };
    let said = format!("{} {requires}", reward.doc.replace('`', ""));
    write(
        root,
        &said,
        (MARGIN + 12, layout.reward + 34),
        &style(13, SOFT, false),
    )
}

/// Width of one of so many columns.
fn column(columns: i32) -> i32 {
    (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
}

fn letters(width: i32) -> usize {
    (f64::from(width - 20) / 6.3).max(8.0) as usize
}

fn unit_lines(round: &Round, width: i32) -> Vec<String> {
    // A call has no blanks where it could break.
    let breakable = |text: &String| text.replace("{\"", "{ \"").replace("><", "> <");
    let lines = round.unit.iter().map(breakable);
    lines.flat_map(|text| wrap(&text, letters(width))).collect()
}

fn tool_lines(tool: &Tool) -> Vec<String> {
    let named = |(name, value): &(String, String)| format!("{name}: {value}");
    let arguments: Vec<String> = tool.arguments.iter().map(named).collect();
    vec![
        format!("{}({})", tool.name, arguments.join("; ")),
        tool.doc.clone(),
    ]
}

fn rules(diagram: &Diagram) -> Vec<String> {
    let rules = &diagram.rules;
    let budget = match rules.window.budget {
        Some(budget) => format!(", as far as they cost at most {budget} visual tokens"),
        None => String::new(),
    };
    vec![
        format!(
            "At most {} calls of up to {} frames; the unit after the last call must answer.",
            rules.max_calls, rules.frames_a_call
        ),
        format!(
            "Memory window p = {}: of all outcomes that many stay visible, the newest{budget}. Text and the frames shown first stay.",
            rules.window.width
        ),
    ]
}

/// Lines of a stage, and whether each is a caption.
fn role_lines(role: &crate::diagram::Role, width: i32) -> Vec<(String, bool)> {
    let parts = [
        ("takes", &role.takes),
        ("learns", &role.learns),
        ("gives", &role.gives),
    ];
    let part = |(caption, text): (&str, &String)| {
        let text = wrap(text, letters(width))
            .into_iter()
            .map(|line| (line, false));
        [(caption.to_owned(), true)]
            .into_iter()
            .chain(text)
            .collect::<Vec<_>>()
    };
    parts.into_iter().flat_map(part).collect()
}

fn block(
    root: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    fill: RGBColor,
    rim: Option<RGBColor>,
) -> Drawn {
    root.draw(&Rectangle::new([from, to], fill.filled()))?;
    match rim {
        Some(rim) => root.draw(&Rectangle::new([from, to], rim.stroke_width(1))),
        None => Ok(()),
    }
}

/// The head of an arrow that points right.
fn tip(root: &Area<'_>, (x, y): (i32, i32), ink: RGBColor) -> Drawn {
    let head = vec![(x, y), (x - 8, y - 5), (x - 8, y + 5)];
    root.draw(&Polygon::new(head, ink.filled()))
}

/// The diagram as Markdown.
pub fn table(diagram: &Diagram) -> String {
    let mut out = format!("# {}\n\nrevision {}\n", diagram.title, diagram.revision);
    // Writing into a String cannot fail.
    let _ = writeln!(out, "\n## Episode\n");
    for tool in &diagram.tools {
        let _ = writeln!(out, "- {}", tool_lines(tool).join(": "));
    }
    for rule in rules(diagram) {
        let _ = writeln!(out, "- {rule}");
    }
    let _ = writeln!(out, "\n## Training\n");
    for role in &diagram.stages {
        let _ = writeln!(
            out,
            "- **{}** takes {}; learns {}; gives {}",
            role.title, role.takes, role.learns, role.gives
        );
    }
    let reward = &diagram.reward;
    let _ = writeln!(out, "- {} = {}", reward.name, reward.terms.join(" + "));
    for note in &diagram.notes {
        let _ = writeln!(out, "\n{note}");
    }
    out
}
