//! The trace browser's page in headless Chromium: `cargo test -p browser --features chromium`.
//!
//! [`traces`] makes the records that the tests look at.

pub mod traces;
