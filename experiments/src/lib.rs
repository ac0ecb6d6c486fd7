//! Every figure of the paper as a declarative experiment: spec → stages → judgments → figure.

pub mod cli;
pub mod clock;
pub mod compare;
pub mod graph;
pub mod kit;
pub mod lab;
pub mod language;
pub mod lines;
pub mod metrics;
pub mod paper;
pub mod progress;
pub mod provenance;
pub mod rates;
pub mod reference;
pub mod render;
pub mod reward_head;
pub mod run;
pub mod spec;
pub mod stage;
pub mod stages;
pub mod stats;
pub mod store;
pub mod teacher;
pub mod ties;
pub mod view;
pub mod world;
