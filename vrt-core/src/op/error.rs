//! In: a call that cannot be carried out. Out: the text that the model reads: what, where, why, how to mend.

use std::fmt;

use crate::pair::VideoError;

/// What is wrong with one argument.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ArgFault {
    /// The arguments are not a JSON object.
    NotAnObject {
        /// The JSON type that was found.
        found: &'static str,
    },
    /// The operation has no such argument.
    Unknown {
        /// The argument that was probably meant.
        nearest: Option<&'static str>,
        /// All arguments of the operation.
        known: Vec<&'static str>,
    },
    /// A required argument is absent.
    Missing {
        /// The argument's documentation.
        doc: &'static str,
    },
    /// A value has the wrong JSON type.
    WrongType {
        /// What was wanted, with an article.
        wanted: &'static str,
        /// The JSON type that was found.
        found: String,
    },
    /// A frame number is not in `1..=pool`.
    BeyondPool {
        /// The number as it was written.
        frame: String,
        /// Frames of both videos.
        pool: u32,
    },
    /// No outcome has this number.
    NoSuchOutcome {
        /// The number as it was written.
        number: String,
        /// Outcomes so far.
        outcomes: u32,
    },
    /// A number is outside its bounds.
    OutOfRange {
        /// The number as it was written.
        value: String,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A list or a text has the wrong length.
    Length {
        /// The length that was found.
        found: usize,
        /// The unit of the length, in the plural.
        unit: &'static str,
        /// Smallest length.
        min: u32,
        /// Largest length.
        max: u32,
    },
    /// A value of a list stands in it twice.
    Repeated {
        /// The value as it was written.
        value: String,
        /// The path of its first occurrence.
        first: String,
    },
}

impl fmt::Display for ArgFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject { found } => {
                write!(f, "{found} where an object of named arguments belongs")
            }
            Self::Unknown { nearest, known } => {
                f.write_str("no such argument; ")?;
                match (nearest, known.is_empty()) {
                    (Some(name), _) => write!(f, "did you mean `{name}`?"),
                    (None, true) => f.write_str("this tool takes none"),
                    (None, false) => write!(f, "this tool takes {}", listed(known)),
                }
            }
            Self::Missing { doc } => {
                write!(f, "missing; it is required: {}", doc.trim_end_matches('.'))
            }
            Self::WrongType { wanted, found } => {
                write!(f, "{found} where {wanted} belongs")
            }
            Self::BeyondPool { frame, pool: 0 } => {
                write!(f, "{frame} cannot be fetched: the pool has no frames")
            }
            Self::BeyondPool { frame, pool } if frame == "0" || frame.starts_with('-') => {
                write!(
                    f,
                    "{frame} is before the first frame; frames are numbered from 1 to {pool}"
                )
            }
            Self::BeyondPool { frame, pool } => {
                write!(f, "{frame} is beyond the pool of {pool} frames")
            }
            Self::NoSuchOutcome {
                number,
                outcomes: 0,
            } => {
                write!(
                    f,
                    "there is no outcome {number}: no call has brought one yet"
                )
            }
            Self::NoSuchOutcome { number, outcomes } => {
                write!(
                    f,
                    "there is no outcome {number}; outcomes are numbered from 1 to {outcomes}"
                )
            }
            Self::OutOfRange { value, low, high } => {
                write!(f, "{value} is outside {low} to {high}")
            }
            Self::Length {
                found,
                unit,
                min,
                max,
            } if min == max => write!(f, "{found} {unit}, but {min} are wanted"),
            Self::Length {
                found,
                unit,
                min,
                max,
            } => write!(f, "{found} {unit}, but {min} to {max} are allowed"),
            Self::Repeated { value, first } => {
                write!(f, "{value} is already in {first}; name each one once")
            }
        }
    }
}

/// One fault and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgProblem {
    /// The place inside the arguments: `target_frames[1]`.
    pub path: String,
    /// What is wrong there.
    pub fault: ArgFault,
}

impl fmt::Display for ArgProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.fault)
    }
}

/// Every fault of one call's arguments, in the order of the declaration; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgError {
    /// The faults.
    pub problems: Vec<ArgProblem>,
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ArgError {}

/// A call that was not carried out. Its text is what the model reads.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// The set has no tool of this name.
    #[error("there is no tool `{name}`; {}", hint(*.nearest, .known))]
    UnknownTool {
        /// The name that was called.
        name: String,
        /// The tool that was probably meant.
        nearest: Option<&'static str>,
        /// The tools of the set.
        known: &'static [&'static str],
    },
    /// The arguments do not fit the tool's schema.
    #[error("{tool} was not run: {error}")]
    Arguments {
        /// The tool.
        tool: &'static str,
        /// What is wrong, all of it.
        error: ArgError,
    },
    /// The arguments fit the schema, but the operation cannot be carried out on this pair.
    #[error("{tool} was not run: {what}; {cure}")]
    Refused {
        /// The tool.
        tool: &'static str,
        /// What stands in the way.
        what: String,
        /// What to do instead.
        cure: String,
    },
    /// The outcome would cost more visual tokens than the memory window shows.
    #[error(
        "{tool} was not run: it would cost {cost} visual tokens, but the memory holds {budget}; ask for less"
    )]
    OverBudget {
        /// The tool.
        tool: &'static str,
        /// What the outcome costs.
        cost: u32,
        /// What the window shows.
        budget: u32,
    },
    /// The operation brought more than it had declared: a fault of the operation, not of the call.
    #[error(
        "{tool} failed: it brought {cost} visual tokens, but declares {declared}; use another tool"
    )]
    CostsMore {
        /// The tool.
        tool: &'static str,
        /// What its outcome costs.
        cost: u32,
        /// What it declares for these arguments.
        declared: u32,
    },
    /// A video could not produce a frame.
    #[error("a frame could not be fetched: {0}; ask for another frame")]
    Video(#[from] VideoError),
}

fn hint(nearest: Option<&str>, known: &[&str]) -> String {
    match (nearest, known.is_empty()) {
        (_, true) => "no tools are offered; give an answer".to_owned(),
        (Some(name), _) => format!("did you mean `{name}`? The tools are {}", listed(known)),
        (None, _) => format!("the tools are {}", listed(known)),
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The known name closest to what was written, if it is close.
pub(crate) fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(written, name), *name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
