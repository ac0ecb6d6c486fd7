//! Rapidata's preferences: votes in three dimensions, and no overall label.

use serde_json::{Value, json};
use vrt::data::{Benchmark, DataSet, LabelCounts};
use vrt_core::pair::{Dimension, Preference};

use crate::{error, load};

const COLUMNS: [&str; 6] = [
    "weighted_results1_Alignment",
    "weighted_results2_Alignment",
    "weighted_results1_Preference",
    "weighted_results2_Preference",
    "weighted_results1_Coherence",
    "weighted_results2_Coherence",
];

/// Votes of the rows, in the order of the columns.
pub const VOTES: [[Option<f64>; 6]; 4] = [
    [
        Some(0.75),
        Some(0.25),
        Some(0.5),
        Some(0.5),
        Some(0.1),
        Some(0.9),
    ],
    [Some(1.0), Some(0.0), None, Some(0.5), Some(0.4), Some(0.6)],
    [None; 6],
    [
        Some(0.2),
        Some(0.8),
        Some(0.3),
        Some(0.7),
        Some(f64::NAN),
        Some(0.5),
    ],
];

fn check(set: &DataSet) {
    let labels: Vec<_> = set
        .pairs
        .iter()
        .map(|pair| (pair.row, pair.labels.dimensions))
        .collect();
    use Preference::{First, Second, Tie};
    assert_eq!(
        labels,
        [
            (1, [Some(First), Some(Tie), Some(Second)]),
            (2, [Some(First), None, Some(Second)]),
            (4, [Some(Second), Some(Second), None]),
        ]
    );
    assert!(set.pairs.iter().all(|pair| pair.labels.overall.is_none()));
    assert_eq!(set.drops()["no label at all"], 1);
    assert_eq!(set.pairs[1].videos, ["videos/1_a.mp4", "videos/1_b.mp4"]);
    let counts = LabelCounts {
        first: 0,
        second: 1,
        tie: 1,
        none: 1,
    };
    assert_eq!(set.labelled(Dimension::VisualQuality), counts);
}

#[test]
fn as_json_and_as_csv() {
    let rows: Vec<Value> = (0..)
        .zip(VOTES)
        .map(|(i, votes)| {
            let mut row = json!({"prompt": "a fox", "file_name1": format!("videos/{i}_a.mp4"), "file_name2": format!("videos/{i}_b.mp4")});
            for (column, votes) in COLUMNS.into_iter().zip(votes) {
                // JSON has no NaN: it is null.
                row[column] = json!(votes);
            }
            row
        })
        .collect();
    check(&load(Benchmark::Rapidata, &Value::from(rows).to_string()));
    let mut csv = format!("{},file_name2,file_name1,prompt\n", COLUMNS.join(","));
    for (i, votes) in VOTES.iter().enumerate() {
        let cells = votes.map(|votes| votes.map_or(String::new(), |votes| votes.to_string()));
        csv += &format!(
            "{},videos/{i}_b.mp4,videos/{i}_a.mp4,a fox\n",
            cells.join(",")
        );
    }
    check(&load(Benchmark::Rapidata, &csv));
}

#[test]
fn votes_that_are_no_number_drop_their_row() {
    let header = COLUMNS.join(",");
    let csv = format!("prompt,file_name1,file_name2,{header}\na,b,c,1,0,1,0,many,0\n");
    let set = load(Benchmark::Rapidata, &csv);
    let reason = set.dropped[0].reason.to_string();
    assert_eq!(
        reason,
        "column `weighted_results1_Coherence`: `many` is none of its labels"
    );
    let wrong = error(Benchmark::Rapidata, "prompt,file_name1,file_name2\na,b,c\n");
    assert!(
        wrong.contains("no column `weighted_results1_Alignment`"),
        "{wrong}"
    );
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_parquet_file_names_the_feature_that_reads_it() {
    let wrong = error(Benchmark::Rapidata, "PAR1....PAR1");
    assert!(wrong.contains("--features parquet"), "{wrong}");
}

#[cfg(feature = "parquet")]
mod parquet_form {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::column::writer::ColumnWriter;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use proptest::prelude::*;
    use vrt_train::atomic;

    use super::*;

    /// The rows, two a row group, compressed as the hub does it. One text column does not say that it is text.
    fn file() -> Vec<u8> {
        let votes: String = COLUMNS
            .iter()
            .map(|column| format!("optional double {column};"))
            .collect();
        let schema = format!(
            "message rows {{ required binary prompt (UTF8); required binary file_name1; required binary file_name2 (UTF8); {votes} }}"
        );
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let mut bytes = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build())).unwrap();
        for (group, rows) in VOTES.chunks(2).enumerate() {
            let mut columns = writer.next_row_group().unwrap();
            let mut column = 0;
            while let Some(mut open) = columns.next_column().unwrap() {
                match open.untyped() {
                    ColumnWriter::ByteArrayColumnWriter(writer) => {
                        let text = |row: usize| match column {
                            0 => "a fox".to_owned(),
                            1 => format!("videos/{}_a.mp4", 2 * group + row),
                            _ => format!("videos/{}_b.mp4", 2 * group + row),
                        };
                        let cells = [text(0).as_str().into(), text(1).as_str().into()];
                        writer.write_batch(&cells, None, None).unwrap();
                    }
                    ColumnWriter::DoubleColumnWriter(writer) => {
                        let cells = rows.iter().map(|row| row[column - 3]);
                        let levels: Vec<i16> =
                            cells.clone().map(|cell| cell.is_some().into()).collect();
                        let cells: Vec<f64> = cells.flatten().collect();
                        writer.write_batch(&cells, Some(&levels), None).unwrap();
                    }
                    _ => unreachable!("the schema has two kinds of columns"),
                }
                open.close().unwrap();
                column += 1;
            }
            columns.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<DataSet, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rapidata.parquet");
        atomic::write(&path, bytes).unwrap();
        DataSet::load(Benchmark::Rapidata, &path).map_err(|error| error.to_string())
    }

    #[test]
    fn as_parquet() {
        check(&read(&file()).unwrap());
    }

    #[test]
    fn a_cut_parquet_file_is_refused_with_its_name() {
        let file = file();
        let wrong = read(&file[..file.len() / 2]).unwrap_err();
        assert!(wrong.contains("rapidata.parquet`: "), "{wrong}");
    }

    proptest! {
        /// Whatever stands in the file: rows or a reason, never a panic.
        #[test]
        fn damaged_parquet_is_read_or_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = file();
            let at = 4 + place.index(bytes.len() - 4);
            bytes[at] = byte;
            let _ = read(&bytes);
            bytes.truncate(4 + cut.index(bytes.len() - 4));
            let _ = read(&bytes);
        }
    }
}
