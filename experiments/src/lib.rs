//! Every figure of the paper as a declarative experiment: spec → stages → judgments → figure.

pub mod clock;
pub mod graph;
pub mod language;
pub mod metrics;
pub mod progress;
pub mod rates;
pub mod spec;
pub mod stage;
pub mod stages;
pub mod stats;
pub mod store;
pub mod teacher;
pub mod world;
