//! In: an objective's `require` lines at its numbers, and which of them are waived. Out: the first that is at odds.

use super::ObjectiveError;

/// A `require` line at the numbers of an objective. Made by `objective!`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requirement {
    /// The line, in canonical spelling.
    pub line: &'static str,
    /// The same with what is wrong when it does not hold, and how to mend it.
    pub words: &'static str,
    /// The most that the left side can pay.
    pub left: f64,
    /// The most that the right side can pay.
    pub right: f64,
    /// Whether it does not hold.
    pub broken: bool,
}

impl Requirement {
    /// Whether all hold but those that are waived, and every waiver is needed.
    ///
    /// # Errors
    /// [`ObjectiveError::Require`], [`ObjectiveError::NotRequired`] or [`ObjectiveError::NeedlessWaiver`].
    pub fn check(
        objective: &'static str,
        requirements: &[Self],
        waived: &[&str],
    ) -> Result<(), ObjectiveError> {
        let unknown = |line: &&&str| requirements.iter().all(|known| known.line != **line);
        if let Some(waived) = waived.iter().find(unknown) {
            return Err(ObjectiveError::NotRequired {
                objective,
                waived: (*waived).to_owned(),
                known: requirements.iter().map(|known| known.line).collect(),
            });
        }
        for &Self {
            line,
            words,
            left,
            right,
            broken,
        } in requirements
        {
            match (broken, waived.contains(&line)) {
                (true, false) => {
                    return Err(ObjectiveError::Require {
                        objective,
                        words,
                        left,
                        right,
                    });
                }
                (false, true) => {
                    return Err(ObjectiveError::NeedlessWaiver {
                        objective,
                        line,
                        left,
                        right,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What could be waived, in words.
pub(super) fn lines(known: &[&str]) -> String {
    if known.is_empty() {
        return "it has no `require` line".to_owned();
    }
    let quoted: Vec<String> = known.iter().map(|line| format!("`{line}`")).collect();
    format!("write, word for word: {}", quoted.join(", "))
}
