//! In: OpenAI-compatible servers. Out: a policy.
//!
//! `Client` speaks with one server, `Pool` spreads requests over several, [`ServerPolicy`] drives the episode loop with
//! them, [`Journaled`] keeps what has ended in a [`Journal`] so that an interrupted run goes on where it stopped.

mod address;
mod client;
mod error;
mod journal;
mod journaled;
mod key;
mod messages;
mod pictures;
mod policy;
mod pool;
mod queue;
mod refusal;

pub use address::{Address, AddressError};
pub use client::{Client, Health, Timeouts};
pub use error::{AskError, ServerError};
pub use journal::{Journal, JournalError, Record};
pub use journaled::{Journaled, Progress};
pub use key::{ApiKey, KEY_VARIABLES, KeyError};
pub use messages::{Completion, Usage};
pub use pictures::{PictureError, PictureFormat, Pictures};
pub use policy::{ServerOptions, ServerPolicy, ServerState};
pub use pool::{Endpoint, EndpointStats, Pool, PoolError, PoolOptions};
