//! In: a report, a data set or a check of it. Out: text for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use vrt_train::bootstrap::Interval;

use super::case::Show;
use super::report::{Data, KeyedScore, Report, RunReport, Shown, UnusablePair};
use super::score::{Change, OverallRule};
use crate::data::LabelCounts;

/// Reasons that are named before the rest is only counted.
const NAMED: usize = 8;

/// The report as a person reads it.
pub fn report(report: &Report) -> String {
    let setting = &report.provenance.setting;
    let mut text = format!(
        "{}, seed {}, videos {}\n",
        setting.benchmark,
        setting.seed,
        if setting.swap {
            "swapped at random"
        } else {
            "in the order of the file"
        }
    );
    let _ = writeln!(text, "judge     {}", printable(&policy(&setting.policy)));
    text += &data(&setting.data.name, &setting.data.blake3, &report.data);
    text.push('\n');
    text += &scores(report);
    for (show, run) in &report.runs {
        text.push('\n');
        text += &replies(*show, run);
    }
    text
}

/// `server, qwen2.5-vl-7b`: the values of the policy that are words.
fn policy(policy: &serde_json::Value) -> String {
    let named = ["kind", "model"].into_iter();
    let words = named.filter_map(|name| policy.get(name)?.as_str());
    words.collect::<Vec<_>>().join(", ")
}

/// What a file holds: counts by label, dropped rows by reason.
pub fn data(name: &str, blake3: &str, data: &Data) -> String {
    let digits = blake3.get(..12).unwrap_or(blake3);
    let mut text = format!(
        "data      {} (blake3 {digits}…): {}\n",
        printable(name),
        count(data.rows, "row")
    );
    let labels = data.labels.iter().map(|(label, rows)| {
        let label = if label.is_empty() { "(none)" } else { label };
        format!("{} {}", printable(label), grouped(*rows as u64))
    });
    let labels: Vec<String> = labels.collect();
    let _ = writeln!(text, "labels    {}", listed(&labels, ", "));
    for (dimension, counts) in &data.dimensions {
        let LabelCounts {
            first,
            second,
            tie,
            none,
        } = counts;
        let [first, second, tie, none] =
            [first, second, tie, none].map(|pairs| grouped(*pairs as u64));
        let _ = writeln!(
            text,
            "      {dimension}  video 1 better {first}, video 2 better {second}, tie {tie}, not said {none}"
        );
    }
    let mut lost: Vec<String> = counted(&data.dropped);
    if !data.unusable.is_empty() {
        lost.push(format!(
            "{} whose videos cannot be used",
            grouped(data.unusable.len() as u64)
        ));
    }
    if data.beyond_limit > 0 {
        lost.push(format!(
            "{} beyond --limit",
            grouped(data.beyond_limit as u64)
        ));
    }
    if !lost.is_empty() {
        let _ = writeln!(text, "left out  {}", listed(&lost, "; "));
    }
    let _ = writeln!(text, "judged    {}", count(data.judged, "pair"));
    text
}

fn scores(report: &Report) -> String {
    let mut rows = vec![
        [
            "subset",
            "judged",
            "pairs",
            "decided",
            "no answer",
            "always tie",
            "tau",
            "diff",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for subset in &report.subsets {
        let name = subset.subset.name();
        for KeyedScore {
            judged,
            score,
            change,
        } in &subset.scores
        {
            rows.push(vec![
                name.to_owned(),
                (*judged).to_owned(),
                grouped(score.pairs as u64),
                grouped(score.decided as u64),
                grouped(score.no_answer as u64),
                format!("{:.1}", score.always_tie),
                interval(score.tau),
                score.diff.map_or("–".to_owned(), interval),
            ]);
            if let Some(Change { tau, diff }) = change {
                let mut row = vec![String::new(); 6];
                row[0] = "  since whole".to_owned();
                row.extend([signed(*tau), diff.map_or("–".to_owned(), signed)]);
                rows.push(row);
            }
        }
    }
    let mut text = aligned(&rows);
    let mut scores = report.subsets.iter().flat_map(|subset| &subset.scores);
    if scores.any(|score| score.judged == "OA") {
        let overall = match report.provenance.overall {
            OverallRule::Stated => "stated by the judge",
            OverallRule::Majority => "what two of the judge's dimensions share, or else a tie",
        };
        let _ = writeln!(text, "OA is {overall}.");
    }
    text += "In percent, with 95 % intervals; a pair without an answer is wrong, and no tie.\n";
    text
}

/// What became of the episodes of a run.
fn replies(show: Show, run: &RunReport) -> String {
    let stops = run.stops.iter();
    let stops: Vec<String> = stops
        .map(|(name, episodes)| format!("{} {name}", grouped(*episodes)))
        .collect();
    let mut text = format!(
        "{:<9} {}: {}\n",
        show.name(),
        count(run.episodes as usize, "episode"),
        stops.join(", ")
    );
    let Shown { first, second, tie } = run.shown;
    let _ = writeln!(
        text,
        "          preferred as shown: first {}, second {}, tie {}; {:.2} calls and {:.0} tokens an episode",
        grouped(first),
        grouped(second),
        grouped(tie),
        run.calls,
        run.tokens
    );
    for (reason, times) in run.failures.iter().take(NAMED) {
        let _ = writeln!(
            text,
            "          failed {} ×: {}",
            grouped(*times),
            printable(reason)
        );
    }
    if run.failures.len() > NAMED {
        let _ = writeln!(
            text,
            "          and {} other reasons",
            run.failures.len() - NAMED
        );
    }
    text
}

fn counted(reasons: &BTreeMap<String, usize>) -> Vec<String> {
    let each = reasons.iter();
    each.map(|(reason, times)| format!("{} × {}", grouped(*times as u64), printable(reason)))
        .collect()
}

fn listed(entries: &[String], between: &str) -> String {
    let mut text = entries[..entries.len().min(NAMED)].join(between);
    if entries.len() > NAMED {
        let _ = write!(text, "{between}and {} others", entries.len() - NAMED);
    }
    text
}

fn interval(Interval { value, low, high }: Interval) -> String {
    format!("{value:.1} [{low:.1}, {high:.1}]")
}

fn signed(Interval { value, low, high }: Interval) -> String {
    format!("{value:+.1} [{low:+.1}, {high:+.1}]")
}

/// Columns of one width: the first two to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// `1 pair`, `1,889 pairs`.
pub(super) fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number as u64))
}

/// `26,457`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text of a file or a server that a terminal takes for nothing but text.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            // Marks that turn the direction of what follows hide what stands there.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                safe.extend(letter.escape_unicode());
            }
            letter if letter.is_control() => safe.extend(letter.escape_default()),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Unusable pairs that are named before the rest is only counted.
const NAMED_PAIRS: usize = 10;

/// The pairs that cannot be used, each with its reason: `what` follows their number, `cure` is the last line.
pub fn unusable(pairs: &[UnusablePair], what: &str, cure: &str) -> String {
    let mut lines = vec![format!("{} pairs {what}:", pairs.len())];
    let named = pairs.iter().take(NAMED_PAIRS);
    lines.extend(named.map(|one| format!("  row {}: {}", one.row, printable(&one.reason))));
    if pairs.len() > NAMED_PAIRS {
        lines.push(format!("  and {} others", pairs.len() - NAMED_PAIRS));
    }
    lines.push(cure.to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_hostile_text_is_text() {
        assert_eq!(
            [0, 999, 1000, 26457, 1_000_000].map(grouped),
            ["0", "999", "1,000", "26,457", "1,000,000"]
        );
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc\u{202e}"),
            "a\\u{1b}[2Jb\\r\\nc\\u{202e}"
        );
        assert_eq!(printable("ein Schloß, 城"), "ein Schloß, 城");
    }
}
