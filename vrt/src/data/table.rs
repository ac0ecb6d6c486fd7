//! In: a JSON list, JSON Lines, CSV, or Parquet. Out: rows whose cells are found by column name.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vrt_train::atomic::FileError;

use super::DropReason;

/// One row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// From 1, without the header.
    pub number: usize,
    /// The cells.
    pub cells: Map<String, Value>,
}

impl Row {
    /// A cell's text; numbers and booleans as they are written. `None` where there is none.
    pub fn text(&self, column: &str) -> Option<String> {
        match self.cells.get(column)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            _ => None,
        }
    }

    /// A cell that must hold text.
    pub(super) fn needed(&self, column: &str) -> Result<String, DropReason> {
        match self.text(column) {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(DropReason::NoText {
                column: column.to_owned(),
            }),
        }
    }
}

/// A file that cannot be used as a whole.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read from disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what its first byte promises.
    #[error("`{}`: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// No row has a column that the benchmark needs.
    #[error("`{}` has no column `{column}`; it has {}: is it the right benchmark?", path.display(), known.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// It holds no row.
    #[error("`{}` holds no row", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Reads all rows. `[` begins a JSON list, `{` JSON Lines, `PAR1` Parquet (feature `parquet`), anything else is CSV with a
/// header.
///
/// # Errors
/// [`TableError`], with the place where the file leaves its form.
pub fn read(path: &Path) -> Result<Vec<Row>, TableError> {
    let bytes = fs::read(path).map_err(FileError::at("read", path))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let rows = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if bytes.starts_with(b"PAR1") => parquet_rows(path),
        Some(b'[') => json_list(bytes),
        Some(b'{') => json_lines(bytes),
        _ => csv_rows(bytes),
    };
    let cells = rows.map_err(|problem| TableError::Syntax {
        path: path.to_owned(),
        problem,
    })?;
    if cells.is_empty() {
        return Err(TableError::Empty {
            path: path.to_owned(),
        });
    }
    let numbered = (1..).zip(cells);
    Ok(numbered
        .map(|(number, cells)| Row { number, cells })
        .collect())
}

/// Checks that these columns are in at least one row.
pub(super) fn expect(
    rows: &[Row],
    path: &Path,
    columns: &[&'static str],
) -> Result<(), TableError> {
    for column in columns {
        if !rows.iter().any(|row| row.cells.contains_key(*column)) {
            let known = rows.first().map(|row| row.cells.keys().cloned().collect());
            return Err(TableError::NoColumn {
                path: path.to_owned(),
                column,
                known: known.unwrap_or_default(),
            });
        }
    }
    Ok(())
}

pub(super) type Cells = Vec<Map<String, Value>>;

#[cfg(feature = "parquet")]
fn parquet_rows(path: &Path) -> Result<Cells, String> {
    super::parquet::rows(path)
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows(_: &Path) -> Result<Cells, String> {
    Err("it is a Parquet file; build with `--features parquet` to read it, or convert it to JSON Lines or CSV".to_owned())
}

fn json_list(bytes: &[u8]) -> Result<Cells, String> {
    let values: Vec<Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let objects = (1..).zip(values).map(|(number, value)| match value {
        Value::Object(cells) => Ok(cells),
        _ => Err(format!("entry {number} of the list is not an object")),
    });
    objects.collect()
}

fn json_lines(bytes: &[u8]) -> Result<Cells, String> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled
        .map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| format!("line {number}: {error}"))
        })
        .collect()
}

fn csv_rows(bytes: &[u8]) -> Result<Cells, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cells = header.iter().zip(&record);
        rows.push(
            cells
                .map(|(column, cell)| (column.trim().to_owned(), Value::from(cell)))
                .collect(),
        );
    }
    Ok(rows)
}
