//! In: rows of VideoGen-RewardBench. Out: pairs labelled overall and, where the cell is filled, by dimension.
//!
//! `path_A`, `path_B`, `prompt`, and `A`, `B` or `same` in `TA`, `VQ`, `MQ`, `Overall`. A row without an overall label
//! is dropped.

use std::path::Path;

use vrt_core::pair::{Dimension, Preference};

use super::{DropReason, Labels, Read, Row, TableError, label, table};

pub(super) fn reader(
    rows: &[Row],
    path: &Path,
) -> Result<impl FnMut(&Row) -> (String, Result<Read, DropReason>), TableError> {
    let columns = ["path_A", "path_B", "prompt", "TA", "VQ", "MQ", "Overall"];
    table::expect(rows, path, &columns)?;
    Ok(|row: &Row| {
        let overall = label::spelled(row, "Overall");
        let read = read(row, &overall);
        (overall, read)
    })
}

fn read(row: &Row, overall: &str) -> Result<Read, DropReason> {
    let overall = label::preference("Overall", overall, meaning)?.ok_or(DropReason::NoOverall)?;
    let mut dimensions = [None; 3];
    for dimension in Dimension::ALL {
        let column = dimension.key();
        let label = label::spelled(row, column);
        dimensions[dimension as usize] = label::preference(column, &label, meaning)?;
    }
    Ok(Read {
        labels: Labels {
            dimensions,
            overall: Some(overall),
        },
        caption: row.needed("prompt")?,
        videos: [row.needed("path_A")?, row.needed("path_B")?],
    })
}

fn meaning(label: &str) -> Option<Preference> {
    match label {
        "a" => Some(Preference::First),
        "b" => Some(Preference::Second),
        "same" => Some(Preference::Tie),
        _ => None,
    }
}
