//! In: an arm's parameters and a seed. Out: its chain of stages in the graph.
//!
//! A stage takes part by a line in [`MAKERS`]; the chain's order and what an arm leaves out come from
//! the spec.

pub mod base;
pub mod cold_start;
pub mod control;
mod data;
pub mod eval;
pub mod grpo;
pub mod judge;
pub mod params;
pub mod players;
pub mod population;
pub mod rft;
pub mod scalar;
pub mod score;
pub mod steps;
pub mod supervised;
pub mod tower;
pub mod traces;

use std::sync::Arc;

use crate::graph::{Graph, MissingInput};
use crate::stage::{Stage, StageId};
use params::ArmParams;
use serde_json::Value;

/// What a stage of a chain is made from.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The arm's parameters, all tables.
    pub params: &'a ArmParams,
    /// The seed of this run. Stages with a `seed` parameter of their own use that instead.
    pub seed: u64,
    /// The stage before it in the chain, if any.
    pub previous: Option<StageId>,
}

/// Makes one stage of a chain.
pub type Maker = fn(&Link) -> Arc<dyn Stage>;

/// Every stage a chain may name.
pub const MAKERS: &[(&str, Maker)] = &[
    ("tower", tower::make),
    ("base", base::make),
    ("cold_start", cold_start::make),
    ("judge", judge::make),
    ("scalar", scalar::make),
    ("rft", rft::make),
    ("grpo", grpo::make),
    ("eval", eval::make),
    ("score", score::make),
    ("players", players::make),
];

/// The seed of all pairs: every run is trained and judged in one world.
pub const WORLD_SEED: u64 = 2510;

/// Tokens a unit may have when it is sampled for a harvest or a judgment.
pub const MAX_TOKENS: u32 = 64;

/// A stage's parameters with what sets its tools apart from the paper's.
fn with_tools(tools: Option<Value>, params: Value) -> Value {
    with("tools", tools, params)
}

/// A stage's parameters with one more under this name, where there is one.
fn with(name: &str, value: Option<Value>, mut params: Value) -> Value {
    if let (Some(value), Value::Object(map)) = (value, &mut params) {
        map.insert(name.to_owned(), value);
    }
    params
}

/// The same with a table that is left at its defaults by most recipes.
fn with_table<T: serde::Serialize + Default + PartialEq>(
    name: &str,
    table: &T,
    params: Value,
) -> Value {
    let differs = !params::is_default(table);
    with(name, differs.then(|| serde_json::json!(table)), params)
}

/// Number of the first training pair of a run: runs of different seeds see different pairs.
fn first_pair(seed: u64) -> u32 {
    (seed % 1000) as u32 * 4_000_000
}

/// Why an arm could not become stages.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A spec's chain names a stage that does not exist.
    #[error("there is no stage `{name}`; the stages are: {known}")]
    UnknownStage {
        /// The name.
        name: String,
        /// All names there are.
        known: String,
    },
    /// A stage lists inputs outside its chain.
    #[error(transparent)]
    MissingInput(#[from] MissingInput),
    /// The chain has no stage at all.
    #[error("the chain is empty: name at least the stage that judges")]
    Empty,
}

/// Adds the chain `names` to the graph; the identity of its last stage, whose entry holds the
/// judgments. Stages that other arms or seeds already asked for are shared.
///
/// # Errors
/// [`ChainError`] when a name is unknown or the chain is empty.
pub fn chain(
    makers: &[(&str, Maker)],
    names: &[&str],
    graph: &mut Graph,
    params: &ArmParams,
    seed: u64,
) -> Result<StageId, ChainError> {
    let mut previous = None;
    for name in names {
        let Some((_, make)) = makers.iter().find(|(known, _)| known == name) else {
            return Err(ChainError::UnknownStage {
                name: (*name).to_owned(),
                known: makers.iter().map(|m| m.0).collect::<Vec<_>>().join(", "),
            });
        };
        let link = Link {
            params,
            seed,
            previous,
        };
        previous = Some(graph.add(make(&link))?);
    }
    previous.ok_or(ChainError::Empty)
}
