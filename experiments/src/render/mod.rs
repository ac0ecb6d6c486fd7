//! In: a report. Out: what people look at.

pub mod figure;
mod fonts;
mod grid;
pub mod measured;
pub mod table;
