//! In: a file of traces. Out: the lines that are kept, unchanged, and a ledger whose rows sum to the lines.
//!
//! The rules are `vrt_train::rejection`'s. The file is read twice: which trace of a pair is kept is known at its end only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vrt_core::pair::PairKey;
use vrt_train::atomic::{FileError, Pending};
use vrt_train::rejection::{Rejection, doubt, right};

use super::judged::judged_record;
use super::lines::{BadLine, Line, LineFault, Lines};

/// How traces are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilterOptions {
    /// Keep every right trace of a pair instead of the least doubting one.
    pub every: bool,
    /// Count bad lines and go on, instead of stopping at the first.
    pub keep_going: bool,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Written.
    Kept,
    /// Right, but another trace of its pair doubts less, or came first.
    Second,
    /// A unit left the format, or a call was faulty.
    Format,
    /// No final answer.
    NoAnswer,
    /// The overall preference is wrong.
    Overall,
    /// A dimension is wrong.
    Dimension,
    /// The record holds no ground truth.
    Unlabelled,
    /// Nothing stands on the line.
    Blank,
    /// The line cannot be used.
    Bad,
}

impl Fate {
    /// All, in the order of the ledger.
    pub const ALL: [Self; 9] = [
        Self::Kept,
        Self::Second,
        Self::Format,
        Self::NoAnswer,
        Self::Overall,
        Self::Dimension,
        Self::Unlabelled,
        Self::Blank,
        Self::Bad,
    ];

    /// The row's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Second => "another trace of the pair is kept",
            Self::Format => "not in format",
            Self::NoAnswer => "no final answer",
            Self::Overall => "overall preference wrong",
            Self::Dimension => "a dimension wrong",
            Self::Unlabelled => "no ground truth",
            Self::Blank => "blank line",
            Self::Bad => "bad line",
        }
    }
}

/// Lines by what became of them; the rows sum to [`FilterLedger::lines`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilterLedger {
    rows: [u64; Fate::ALL.len()],
}

impl FilterLedger {
    /// Lines with this fate.
    pub fn count(&self, fate: Fate) -> u64 {
        self.rows[fate as usize]
    }

    /// Lines of the file.
    pub fn lines(&self) -> u64 {
        self.rows.iter().sum()
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = (Fate, u64)> + '_ {
        Fate::ALL.into_iter().map(|fate| (fate, self.count(fate)))
    }
}

/// Traces could not be filtered.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A line cannot be used.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// The input cannot be read.
    #[error(transparent)]
    Input(FileError),
    /// The output cannot be written.
    #[error(transparent)]
    Output(FileError),
    /// The file was written while it was read.
    #[error("`{}` changed while it was read; run again once nobody writes it", .0.display())]
    Changed(PathBuf),
}

/// Writes the kept lines of `input` to `output`, which appears whole or not at all. Bad lines that are passed over go to
/// `complain`.
///
/// # Errors
/// [`FilterError`].
pub fn filter(
    input: &Path,
    output: &Path,
    options: FilterOptions,
    complain: &mut dyn FnMut(&BadLine),
) -> Result<FilterLedger, FilterError> {
    let mut fates = Vec::new();
    // Of each pair the line that is kept so far, and its doubt.
    let mut best: BTreeMap<PairKey, (usize, u8)> = BTreeMap::new();
    let first = each_line(input, |line| {
        let found = match fate(&line) {
            Ok(found) => found,
            Err(fault) => {
                let bad = line.bad(fault);
                if !options.keep_going {
                    return Err(bad.into());
                }
                complain(&bad);
                Found::Lost(Fate::Bad)
            }
        };
        let place = fates.len();
        let fate = match found {
            Found::Lost(fate) => fate,
            Found::Right { .. } if options.every => Fate::Kept,
            Found::Right { pair, doubt } => match best.get(&pair).copied() {
                Some((_, least)) if least <= doubt => Fate::Second,
                worse => {
                    if let Some((line, _)) = worse {
                        fates[line] = Fate::Second;
                    }
                    best.insert(pair, (place, doubt));
                    Fate::Kept
                }
            },
        };
        fates.push(fate);
        Ok(())
    })?;
    let mut kept = Pending::begin(output).map_err(FilterError::Output)?;
    let mut next = fates.iter();
    let second = each_line(input, |line| {
        if next.next() == Some(&Fate::Kept) {
            let written = kept.append(line.bytes).and_then(|()| kept.append(b"\n"));
            written.map_err(FilterError::Output)?;
        }
        Ok(())
    })?;
    if first != second {
        return Err(FilterError::Changed(input.to_owned()));
    }
    kept.finish().map_err(FilterError::Output)?;
    let mut ledger = FilterLedger::default();
    for fate in fates {
        ledger.rows[fate as usize] += 1;
    }
    Ok(ledger)
}

/// Goes over the lines; the hash of their bytes.
fn each_line(
    input: &Path,
    mut visit: impl FnMut(Line<'_>) -> Result<(), FilterError>,
) -> Result<blake3::Hash, FilterError> {
    let file = File::open(input).map_err(FileError::at("read", input));
    let mut lines = Lines::new(input, BufReader::new(file.map_err(FilterError::Input)?));
    let mut hasher = blake3::Hasher::new();
    while let Some(line) = lines.advance().map_err(FilterError::Input)? {
        hasher.update(line.bytes).update(b"\n");
        visit(line)?;
    }
    Ok(hasher.finalize())
}

/// What a line alone says.
enum Found {
    Right { pair: PairKey, doubt: u8 },
    Lost(Fate),
}

fn fate(line: &Line<'_>) -> Result<Found, LineFault> {
    if line.is_blank() {
        return Ok(Found::Lost(Fate::Blank));
    }
    let record = line.record()?;
    let Some(truth) = &record.truth else {
        return Ok(Found::Lost(Fate::Unlabelled));
    };
    let judged = judged_record(&record, truth.verdict())?;
    Ok(match right(&judged) {
        Ok(answer) => Found::Right {
            pair: record.pair,
            doubt: doubt(&answer),
        },
        Err(Rejection::Format(_)) => Found::Lost(Fate::Format),
        Err(Rejection::NoAnswer) => Found::Lost(Fate::NoAnswer),
        Err(Rejection::Overall) => Found::Lost(Fate::Overall),
        Err(Rejection::Dimension) => Found::Lost(Fate::Dimension),
    })
}
