//! In: claims with their verdicts. Out: the same for a terminal, and as Markdown for the README.

use std::fmt::Write;
use std::ops::Range;

use super::{Claims, Finding, Outcome, Tally};
use crate::render::table::padded;

/// The line of the README after which the claims stand.
pub const BEGIN: &str = "<!-- claims: cargo run -p experiments -- claims --readme -->";
/// The line before which they end.
pub const END: &str = "<!-- end of the claims -->";

/// What stands between the two markers.
pub fn within(readme: &str) -> Option<Range<usize>> {
    let start = readme.find(BEGIN)? + BEGIN.len();
    let end = start + readme[start..].find(END)?;
    Some(start..end)
}

/// For a terminal.
pub fn text(claims: &Claims) -> String {
    let mut out = String::new();
    let sections = [
        ("The paper's claims", claims.paper, true),
        ("Predictions of ours", claims.ours, false),
    ];
    for (title, tally, paper) in sections {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{title}: {}\n", counted(tally));
        let all = claims.claims.iter();
        for finding in all.filter(|finding| finding.place.is_some() == paper) {
            let _ = writeln!(
                out,
                "  {:<13}  {:<28}  {}",
                finding.words(),
                difference(finding),
                finding.text
            );
            let place = finding.place.as_deref().unwrap_or(&finding.id);
            let said = finding
                .paper
                .as_ref()
                .map(|said| format!("; the paper: {said}"));
            let _ = writeln!(
                out,
                "  {:<13}  {:<28}  {place}{}",
                "",
                scale(finding),
                said.unwrap_or_default()
            );
        }
        out.push('\n');
    }
    out.push_str(&missing(claims, "  ", ""));
    let mut edited: Vec<&String> = claims
        .claims
        .iter()
        .filter_map(|finding| match &finding.outcome {
            Outcome::Tested(tested) => Some(&tested.edited),
            Outcome::NotRun(_) => None,
        })
        .flatten()
        .collect();
    edited.sort();
    edited.dedup();
    for id in edited {
        let _ = writeln!(
            out,
            "the spec of {id} was edited after its result; run it again, finished stages are kept"
        );
    }
    out.trim_end().to_owned()
}

/// For the README: two tables, and what was not run.
pub fn markdown(claims: &Claims) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n**The paper's claims: {}.**\n",
        counted(claims.paper)
    );
    table(claims, true, &mut out);
    let _ = writeln!(
        out,
        "\n**Predictions of ours: {}.**\n",
        counted(claims.ours)
    );
    table(claims, false, &mut out);
    let missing = missing(claims, "- `", "`");
    if !missing.is_empty() {
        let _ = write!(out, "\n{missing}");
    }
    out.push('\n');
    out
}

fn table(claims: &Claims, paper: bool, out: &mut String) {
    let mut head = vec!["where", "claim", "verdict", "ours (95 %)", "scale"];
    if paper {
        head.push("the paper");
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    let all = claims.claims.iter();
    for finding in all.filter(|finding| finding.place.is_some() == paper) {
        let verdict = match finding.words() {
            "does not hold" => "**does not hold**".to_owned(),
            words => words.to_owned(),
        };
        let place = match &finding.place {
            Some(place) => place.clone(),
            None => format!("`{}`", finding.id),
        };
        let mut row = vec![
            place,
            finding.text.clone(),
            verdict,
            difference(finding),
            scale(finding).to_owned(),
        ];
        if paper {
            row.push(finding.paper.clone().unwrap_or_else(|| "–".to_owned()));
        }
        rows.push(row);
    }
    padded(&rows, out);
}

/// `12 hold, 3 do not hold, 2 are undecided, 1 was not run`.
pub fn counted(tally: Tally) -> String {
    let parts = [
        (tally.holds, "holds", "hold"),
        (tally.does_not_hold, "does not hold", "do not hold"),
        (tally.undecided, "is undecided", "are undecided"),
        (tally.not_run, "was not run", "were not run"),
    ];
    let said = parts.map(|(count, one, several)| {
        let words = if count == 1 { one } else { several };
        format!("{count} {words}")
    });
    said.join(", ")
}

fn difference(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::Tested(tested) => {
            let d = tested.difference;
            format!(
                "{} [{}, {}]{}",
                signed(d.value),
                signed(d.low),
                signed(d.high),
                finding.unit
            )
        }
        Outcome::NotRun(_) => "–".to_owned(),
    }
}

/// One decimal, two where that would show nothing.
fn signed(value: f64) -> String {
    let text = if value.abs() < 0.05 && value != 0.0 {
        format!("{value:+.2}")
    } else {
        format!("{value:+.1}")
    };
    // A minus as long as the plus.
    text.replace('-', "−")
}

fn scale(finding: &Finding) -> &'static str {
    match &finding.outcome {
        Outcome::Tested(tested) => tested.scale.name(),
        Outcome::NotRun(_) => "–",
    }
}

/// What was not run, and how to.
fn missing(claims: &Claims, before: &str, after: &str) -> String {
    let mut commands: Vec<&String> = Vec::new();
    for finding in &claims.claims {
        if let Outcome::NotRun(absent) = &finding.outcome {
            let new = absent.commands.iter().filter(|one| !commands.contains(one));
            commands.extend(new.collect::<Vec<_>>());
        }
    }
    let mut out = String::new();
    if !commands.is_empty() {
        let _ = writeln!(out, "What was not run:\n");
        for command in commands {
            let _ = writeln!(out, "{before}{command}{after}");
        }
    }
    out
}
