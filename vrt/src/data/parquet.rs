//! In: a Parquet file. Out: its rows by column name; what is neither text, number nor boolean is an empty cell.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use serde_json::{Number, Value};

use super::table::Cells;
use crate::video::{Fault, guarded};

/// All rows. The file is not trusted: whatever stands in it, the outcome is rows or a reason.
pub(super) fn rows(path: &Path) -> Result<Cells, String> {
    let refused = |error: ParquetError| Fault::Decode {
        decoder: "Parquet",
        why: error.to_string(),
    };
    let read = || {
        let reader = SerializedFileReader::new(File::open(path)?).map_err(refused)?;
        let rows = reader.into_iter();
        rows.map(|row| {
            let columns = row.map_err(refused)?.into_columns().into_iter();
            Ok(columns.map(|(name, field)| (name, cell(field))).collect())
        })
        .collect()
    };
    guarded("Parquet", read).map_err(|fault: Fault| match fault {
        Fault::Decode { why, .. } => why,
        fault => format!("the file {fault}"),
    })
}

fn cell(field: Field) -> Value {
    let float = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    match field {
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float(value) => float(value.into()),
        Field::Double(value) => float(value),
        Field::Str(text) => text.into(),
        // Text whose column does not say that it is text.
        Field::Bytes(bytes) => bytes.as_utf8().map_or(Value::Null, Value::from),
        _ => Value::Null,
    }
}
