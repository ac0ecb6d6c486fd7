//! In: what a judge wrote, unit by unit. Out: what reward terms and the rejection rules may see of it.
//!
//! Everything is read from the text of the units: whoever sends a trace may claim what it likes.

use vrt_core::pair::Verdict;
use vrt_core::reward::Judged;
use vrt_core::trace::{Action, read_unit};
use vrt_view::{JudgmentRecord, TraceRecord, UnitRecord};

/// A record and its text say different things.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}`: {claim}; write the traces anew")]
pub struct Inconsistency {
    /// The field.
    pub path: String,
    /// Who says what.
    pub claim: &'static str,
}

/// One unit as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Its text.
    pub text: &'a str,
    /// Whether a length limit cut it off.
    pub cut: bool,
    /// Calls of it that were carried out; at most those that it writes count.
    pub calls: usize,
}

/// What reward terms may see of an episode of these units. The first fault of format is kept; what follows a final answer
/// is a fault as well.
pub fn judged<'a>(units: impl IntoIterator<Item = Said<'a>>, truth: Verdict) -> Judged {
    let mut judged = Judged {
        truth,
        format: Ok(()),
        judgments: Vec::new(),
        answer: None,
        tool_calls: 0,
    };
    let mut any = false;
    for said in units {
        any = true;
        if judged.answer.is_some() {
            judged.answer = None;
            fault(&mut judged, "a unit follows the final answer");
            break;
        }
        let unit = match read_unit(said.text) {
            Ok(unit) => unit,
            Err(_) if said.cut => {
                fault(&mut judged, "the reply was cut off");
                continue;
            }
            Err(error) => {
                fault(&mut judged, &error.to_string());
                continue;
            }
        };
        judged.judgments.push(unit.judgment());
        match unit.action {
            Action::Answer(judgment) => judged.answer = Some(judgment),
            Action::Recommend { calls, .. } => {
                judged.tool_calls += calls.len().min(said.calls) as u32;
            }
        }
    }
    if !any {
        fault(&mut judged, "there is no unit");
    } else if judged.answer.is_none() {
        fault(&mut judged, "the episode is not over");
    }
    judged
}

fn fault(judged: &mut Judged, why: &str) {
    if judged.format.is_ok() {
        judged.format = Err(why.to_owned());
    }
}

/// What reward terms may see of a recorded episode.
///
/// # Errors
/// [`Inconsistency`] if the record's units or its answer are not those of its text.
pub fn judged_record(record: &TraceRecord, truth: Verdict) -> Result<Judged, Inconsistency> {
    let rounds = record.rounds.iter();
    let mut judged = judged(
        rounds.map(|round| Said {
            text: &round.text,
            cut: round.cut,
            calls: round
                .calls
                .iter()
                .filter(|call| call.views.is_some())
                .count(),
        }),
        truth,
    );
    for (number, round) in record.rounds.iter().enumerate() {
        let read = read_unit(&round.text).ok();
        if round.unit != read.as_ref().map(UnitRecord::from) {
            return Err(Inconsistency {
                path: format!("rounds[{number}].unit"),
                claim: match round.unit {
                    Some(_) => "a unit is recorded, but its text does not say so",
                    None => "no unit is recorded, but its text has one",
                },
            });
        }
    }
    if record.answer != judged.answer.map(JudgmentRecord::from) {
        return Err(Inconsistency {
            path: "answer".to_owned(),
            claim: match record.answer {
                Some(_) => "a final answer is recorded, but its text does not say so",
                None => "no final answer is recorded, but its text has one",
            },
        });
    }
    // A call that was refused ends an episode, though its text is in format.
    if let Some(why) = record.stop.as_ref().and_then(|stop| stop.text.as_deref()) {
        fault(&mut judged, why);
    }
    Ok(judged)
}
