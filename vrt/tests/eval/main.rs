//! A benchmark from its file to its report: what is left out, what is swapped, what is scored, what a killed run leaves.

mod clips;
mod flow;
mod survey;
