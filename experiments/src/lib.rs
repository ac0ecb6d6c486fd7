//! Every figure of the paper as a declarative experiment.

pub mod clock;
pub mod graph;
pub mod metrics;
pub mod progress;
pub mod rates;
pub mod stage;
pub mod store;
pub mod world;
