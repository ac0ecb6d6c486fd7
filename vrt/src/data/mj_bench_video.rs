//! In: rows of MJ-Bench-Video. Out: pairs labelled overall and in the three categories that the judge knows.
//!
//! `Video 1 better` is `video_0`, `Video 2 better` is `video_1`; spelled in any case. The categories Safety and Bias
//! have no dimension in the trace format and are not read.

use std::path::Path;

use serde_json::Value;
use vrt_core::pair::Preference;

use super::{DropReason, Labels, Read, Row, TableError, label, table};

/// What an overall `Hard to judge` stands for. The paper does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HardToJudge {
    /// The row is dropped.
    #[default]
    Drop,
    /// A tie.
    Tie,
}

/// Indexed by [`vrt_core::pair::Dimension`].
const CATEGORIES: [&str; 3] = ["Alignment", "Fineness", "Coherence & Consistency"];
const HARD: &str = "hard to judge";

pub(super) fn reader(
    rows: &[Row],
    path: &Path,
    hard: HardToJudge,
) -> Result<impl FnMut(&Row) -> (String, Result<Read, DropReason>), TableError> {
    let columns = [
        "caption",
        "video_0_path",
        "video_1_path",
        "overall_preference",
    ];
    table::expect(rows, path, &columns)?;
    Ok(move |row: &Row| {
        let overall = label::spelled(row, "overall_preference");
        let read = read(row, &overall, hard);
        (overall, read)
    })
}

fn read(row: &Row, overall: &str, hard: HardToJudge) -> Result<Read, DropReason> {
    let discard = label::spelled(row, "discard");
    if !matches!(discard.as_str(), "" | "false" | "0") {
        return Err(DropReason::Discarded);
    }
    let overall = match (overall, hard) {
        (HARD, HardToJudge::Drop) => return Err(DropReason::HardToJudge),
        (HARD, HardToJudge::Tie) => Some(Preference::Tie),
        _ => label::preference("overall_preference", overall, meaning)?,
    };
    let mut dimensions = [None; 3];
    if let Some(Value::Object(categories)) = row.cells.get("category_preference") {
        for (slot, category) in dimensions.iter_mut().zip(CATEGORIES) {
            let label = categories.get(category).and_then(Value::as_str);
            let label = label.unwrap_or_default().trim().to_lowercase();
            // A category nobody could judge is no label; the pair stays.
            if label != HARD {
                *slot = label::preference(category, &label, meaning)?;
            }
        }
    }
    Ok(Read {
        labels: Labels {
            dimensions,
            overall: Some(overall.ok_or(DropReason::NoOverall)?),
        },
        caption: row.needed("caption")?,
        videos: [row.needed("video_0_path")?, row.needed("video_1_path")?],
    })
}

fn meaning(label: &str) -> Option<Preference> {
    match label {
        "video 1 better" => Some(Preference::First),
        "video 2 better" => Some(Preference::Second),
        "same" => Some(Preference::Tie),
        _ => None,
    }
}
