//! In: rounds as they end, and what came of them. Out: lines for a terminal. Whatever a judge wrote stays text.

use std::fmt::Write;

use vrt_core::episode::{Episode, Round, Rules};
use vrt_core::op::Outcome;
use vrt_core::pair::{
    Confidence, Dimension, FrameIndex, Preference, PreferencePair, Side, Verdict,
};
use vrt_core::trace::{Action, Call};
use vrt_core::view::View;

use super::bias::PositionBias;
use super::clips::Clips;
use super::judged::{Judged, Opinion};
use crate::eval::Sides;
use crate::eval::table::{grouped, printable};
use crate::prompt::DimensionWording;

/// Letters of the longest label and the space before a text.
const INDENT: usize = 12;

/// A label and its text; the lines of the text stand below each other.
fn field(text: &mut String, label: &str, value: &str) {
    let mut lines = value.trim().lines();
    let first = printable(lines.next().unwrap_or_default());
    let width = INDENT - 2;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {label:<width$}{first}");
    for line in lines {
        let _ = writeln!(text, "{:INDENT$}{}", "", printable(line));
    }
}

/// The pair before anybody judges it.
pub fn opening(clips: &Clips, judge: &str) -> String {
    let mut text = String::new();
    for (number, (name, info)) in clips.names().iter().zip(clips.infos()).enumerate() {
        field(
            &mut text,
            &format!("video {}", number + 1),
            &format!("{name}: {info}"),
        );
    }
    field(&mut text, "caption", clips.caption());
    field(&mut text, "judge", judge);
    text
}

/// What the judge knows, where that is little.
pub fn knows(what: &str) -> String {
    let mut text = String::new();
    field(&mut text, "knows", what);
    text
}

/// What an episode in this order begins with.
pub fn order(pair: &PreferencePair, initial: &[FrameIndex], sides: Sides) -> String {
    let mut text = match sides {
        Sides::AsFiled => "\nas given\n",
        Sides::Swapped => "\nthe other order: video 1 and video 2 have changed places\n",
    }
    .to_owned();
    let pool = pair.pool();
    let of = |side: Side| {
        let own = initial
            .iter()
            .filter(|frame| pool.locate(**frame).is_some_and(|(of, _)| of == side));
        own.map(FrameIndex::to_string).collect::<Vec<_>>().join(" ")
    };
    let shown = format!(
        "frames {} of video 1, {} of video 2, of {} in all",
        of(Side::First),
        of(Side::Second),
        pool.total()
    );
    field(&mut text, "shown", &shown);
    text
}

/// The round that has just ended, the last of the episode's.
pub fn round(episode: &Episode, rules: &Rules, seconds: f64) -> String {
    let Some(round) = episode.rounds.last() else {
        return String::new();
    };
    let Round { reply, unit, .. } = round;
    let mut text = String::new();
    let tokens = grouped(u64::from(reply.tokens));
    let number = episode.rounds.len();
    let _ = writeln!(text, "\nround {number}: {tokens} tokens, {seconds:.1} s");
    match unit {
        Some(unit) => {
            field(&mut text, "snapshot", unit.snapshot.as_str());
            field(&mut text, "think", unit.think.as_str());
            let label = match unit.action {
                Action::Answer(_) => "answers",
                Action::Recommend { .. } => "leans to",
            };
            let judgment = unit.judgment();
            let mut stated = digits(&judgment.verdict);
            if let Some(confidence) = judgment.confidence {
                stated += &format!("; confidence {}", level(confidence));
            }
            field(&mut text, label, &stated);
            if let Action::Recommend { calls, .. } = &unit.action {
                calls.iter().for_each(|call| asked(&mut text, call));
            }
        }
        None => field(&mut text, "wrote", &reply.text),
    }
    if let Some(outcome) = &round.outcome {
        field(&mut text, "fetched", &views(&outcome.views));
        let gone = forgotten(episode, rules);
        if !gone.is_empty() {
            field(&mut text, "forgot", &views(&gone));
        }
    }
    if round.passed_over > 0 {
        field(
            &mut text,
            "passed over",
            &format!("{} further calls", round.passed_over),
        );
    }
    if let Some((fault, _)) = &round.fault {
        let label = match episode.stop {
            Some(_) => "fault",
            None => "told",
        };
        field(&mut text, label, &fault.to_string());
    }
    text
}

fn asked(text: &mut String, call: &Call) {
    let Call { name, arguments } = call;
    field(text, "calls", &format!("{name} {arguments}"));
}

fn views(views: &[View]) -> String {
    match views {
        [] => "nothing".to_owned(),
        views => views
            .iter()
            .map(View::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// What the newest outcome has pushed out of the window.
fn forgotten(episode: &Episode, rules: &Rules) -> Vec<View> {
    let outcomes: Vec<&Outcome> = episode.outcomes().collect();
    let costs: Vec<u32> = outcomes
        .iter()
        .map(|outcome| outcome.cost(rules.frame_tokens))
        .collect();
    let before = rules.window.oldest(&costs[..costs.len().saturating_sub(1)]);
    let now = rules.window.oldest(&costs);
    // The newest one is forgotten at once where the window holds none.
    let gone = usize::from(before).max(1)..usize::from(now).max(1);
    gone.filter_map(|number| outcomes.get(number - 1))
        .flat_map(|outcome| outcome.views.clone())
        .collect()
}

fn digits(verdict: &Verdict) -> String {
    let each = Dimension::ALL.map(|dimension| (dimension.key(), verdict.get(dimension)));
    let all = each.into_iter().chain([("OA", verdict.overall)]);
    let words = all.map(|(key, preference)| format!("{key} {}", name(preference)));
    words.collect::<Vec<_>>().join(", ")
}

fn name(preference: Preference) -> &'static str {
    match preference {
        Preference::Tie => "tie",
        Preference::First => "video 1",
        Preference::Second => "video 2",
    }
}

fn level(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "1 (high)",
        Confidence::Middle => "2 (middle)",
        Confidence::Low => "3 (low)",
    }
}

/// The verdict, how sure the judge is of it, whether the order mattered, and the cost.
pub fn closing(judged: &Judged, dimensions: &[DimensionWording; 3]) -> String {
    let mut text = "\nverdict\n".to_owned();
    let keys = Dimension::ALL.map(Dimension::key).into_iter().chain(["OA"]);
    let names = dimensions.iter().map(|wording| &*wording.name);
    let rows: Vec<(&str, &str)> = keys.zip(names.chain(["overall"])).collect();
    let width = rows.iter().map(|row| row.1.chars().count()).max();
    let width = width.unwrap_or_default();
    let columns: Vec<[String; 4]> = judged.orders.iter().map(column).collect();
    let headed = columns.len() > 1;
    if headed {
        let _ = writeln!(text, "      {:width$}  {:<18}other order", "", "as given");
    }
    let bias = judged.position_bias.map(|bias| bias.each());
    for (at, (key, name)) in rows.into_iter().enumerate() {
        let mut line = format!("  {key}  {name:<width$}  ");
        for column in &columns {
            let _ = write!(line, "{:<18}", column[at]);
        }
        if let Some(bias) = bias {
            line += bias[at].words();
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for opinion in &judged.orders {
        let label = match (headed, opinion.swapped) {
            (true, true) => "other order: ",
            (true, false) => "as given: ",
            (false, _) => "",
        };
        ended(&mut text, label, opinion);
    }
    if let Some(bias) = &judged.position_bias {
        text += &biased(bias);
    }
    text
}

fn column(opinion: &Opinion) -> [String; 4] {
    let Some(verdict) = opinion.verdict() else {
        return std::array::from_fn(|_| "none".to_owned());
    };
    let [ta, vq, mq] = Dimension::ALL.map(|dimension| verdict.get(dimension));
    let sure = opinion.probability.unwrap_or_default().each();
    let mut sure = sure.into_iter();
    [ta, vq, mq, verdict.overall].map(|preference| match sure.next().flatten() {
        Some(probability) => format!("{} (p {probability:.2})", name(preference)),
        None => name(preference).to_owned(),
    })
}

fn ended(text: &mut String, label: &str, opinion: &Opinion) {
    let Opinion {
        rounds,
        calls,
        pictures,
        tokens,
        seconds,
        ..
    } = opinion;
    match opinion.judgment() {
        Some(judgment) => {
            let stated = judgment.confidence.map_or("not given", level);
            let measured = match opinion.probability {
                Some(_) => "p is the probability that the judge gave the digit it wrote",
                None => "p is not given: no log-probabilities",
            };
            let _ = writeln!(text, "{label}stated confidence {stated}; {measured}");
        }
        None => {
            let why = opinion.stop.as_ref().and_then(|stop| stop.text.as_deref());
            let why = printable(why.unwrap_or("the episode is not over"));
            let _ = writeln!(text, "{label}no verdict: {why}");
        }
    }
    let read = tokens
        .read
        .map_or(String::new(), |read| format!(", {} read", grouped(read)));
    let _ = writeln!(
        text,
        "{label}{}, {}, {}; {} tokens written{read}; {seconds:.1} s",
        counted(*rounds, "round"),
        counted(*calls as usize, "call"),
        counted(*pictures, "picture"),
        grouped(tokens.written),
    );
}

/// `1 call`, `2 calls`.
fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number as u64))
}

fn biased(bias: &PositionBias) -> String {
    use super::bias::Agreement::{FirstShown, Same, SecondShown};
    let count = |wanted| bias.each().iter().filter(|one| **one == wanted).count();
    match (count(Same), count(FirstShown), count(SecondShown)) {
        (4, _, _) => "position bias: none seen, both orders agree in all four\n".to_owned(),
        (same, first, second) => format!(
            "position bias: {same} of 4 agree in both orders; {first} follow the first place, {second} the second. What \
             does not agree counts as a tie\n"
        ),
    }
}
