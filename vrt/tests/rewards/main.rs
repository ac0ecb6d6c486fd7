//! `vrt serve-rewards`: what it pays, what it refuses, how it ends.

mod command;
mod document;
mod hostile;
mod limits;
mod scores;
mod support;
