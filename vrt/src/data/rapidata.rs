//! In: rows of Rapidata's text-to-video preferences. Out: pairs labelled in each dimension, and not overall.
//!
//! `prompt`, `file_name1`, `file_name2`, and for each dimension the weighted votes for either video: more votes win, as
//! many are a tie. Nobody was asked who is better overall, and nothing stands in for it.

use std::path::Path;

use vrt_core::pair::{Dimension, Preference};

use super::{DropReason, Labels, Read, Row, TableError, table};

/// Of the three columns of each video, indexed by [`Dimension`].
const VOTES: [[&str; 2]; 3] = [
    ["weighted_results1_Alignment", "weighted_results2_Alignment"],
    [
        "weighted_results1_Preference",
        "weighted_results2_Preference",
    ],
    ["weighted_results1_Coherence", "weighted_results2_Coherence"],
];

pub(super) fn reader(
    rows: &[Row],
    path: &Path,
) -> Result<impl FnMut(&Row) -> (String, Result<Read, DropReason>), TableError> {
    table::expect(rows, path, &["prompt", "file_name1", "file_name2"])?;
    table::expect(rows, path, VOTES.as_flattened())?;
    Ok(|row: &Row| (String::new(), read(row)))
}

fn read(row: &Row) -> Result<Read, DropReason> {
    let mut dimensions = [None; 3];
    for dimension in Dimension::ALL {
        dimensions[dimension as usize] = preference(row, VOTES[dimension as usize])?;
    }
    if dimensions == [None; 3] {
        return Err(DropReason::NoLabel);
    }
    Ok(Read {
        labels: Labels {
            dimensions,
            overall: None,
        },
        caption: row.needed("prompt")?,
        videos: [row.needed("file_name1")?, row.needed("file_name2")?],
    })
}

/// Who has more votes; `None` where one of them was not counted.
fn preference(row: &Row, columns: [&'static str; 2]) -> Result<Option<Preference>, DropReason> {
    let (first, second) = (votes(row, columns[0])?, votes(row, columns[1])?);
    Ok(first.zip(second).map(|(first, second)| {
        if first > second {
            Preference::First
        } else if second > first {
            Preference::Second
        } else {
            Preference::Tie
        }
    }))
}

fn votes(row: &Row, column: &'static str) -> Result<Option<f64>, DropReason> {
    let text = row.text(column).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(votes) => Ok((!votes.is_nan()).then_some(votes)),
        Err(_) => Err(DropReason::UnknownLabel {
            column: column.to_owned(),
            label: text.chars().take(40).collect(),
        }),
    }
}
