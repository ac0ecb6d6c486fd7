//! Every figure of the paper as a declarative experiment: spec → stages → judgments → figure.

pub mod clock;
pub mod graph;
pub mod metrics;
pub mod progress;
pub mod rates;
pub mod stage;
pub mod store;
