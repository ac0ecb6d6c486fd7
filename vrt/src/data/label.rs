//! In: one label as a file spells it. Out: a preference, none, or the reason why it is neither.

use vrt_core::pair::Preference;

use super::{DropReason, Row};

/// A label without its case and the spaces around it; `""` and NaN are no label.
pub fn spelled(row: &Row, column: &str) -> String {
    let text = row.text(column).unwrap_or_default();
    let text = text.trim().to_lowercase();
    if text == "nan" { String::new() } else { text }
}

/// The preference that `meaning` gives to a label, `None` for an empty one.
pub fn preference(
    column: &str,
    label: &str,
    meaning: impl Fn(&str) -> Option<Preference>,
) -> Result<Option<Preference>, DropReason> {
    if label.is_empty() {
        return Ok(None);
    }
    meaning(label)
        .map(Some)
        .ok_or_else(|| DropReason::UnknownLabel {
            column: column.to_owned(),
            label: label.chars().take(40).collect(),
        })
}
