//! In: a report. Out: what people look at.

mod bars;
mod canvas;
pub mod cases;
mod curve_table;
mod curves;
pub mod diagram;
pub mod figure;
mod fonts;
mod frame;
mod grid;
mod legend;
pub mod measured;
pub mod table;

pub use canvas::{FigureError, png};
