//! In: a path such as `arm.2.set.grpo.lr`. Out: where it is written.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The bytes of the last key of `path` (of the value, where the last step is a place in an array).
///
/// A key with dots in quotes stands for several steps, as in an arm's `set`.
pub(crate) fn locate(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    in_table(document.get_ref(), path)
}

fn in_table(table: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    (1..=path.len()).find_map(|steps| {
        let name = path[..steps].join(".");
        let (key, value) = table.iter().find(|(key, _)| **key.get_ref() == *name)?;
        match &path[steps..] {
            [] => Some(key.span()),
            rest => in_value(value, rest),
        }
    })
}

fn in_value(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, path),
        DeValue::Array(items) => {
            let (first, rest) = path.split_first()?;
            let item = items.get(first.parse::<usize>().ok()?)?;
            match rest {
                [] => Some(item.span()),
                rest => in_value(item, rest),
            }
        }
        _ => None,
    }
}
