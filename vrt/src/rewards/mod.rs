//! In: traces posted as JSON. Out: their rewards and advantages under a named objective, for other trainers.
//!
//! [`wire`] is what goes over the line, [`objective`] scores it, [`router`] answers and documents itself, [`serve()`] keeps the
//! connections within [`Limits`].

mod linger;
pub mod objective;
mod problem;
mod routes;
mod serve;
pub mod wire;

use std::time::Duration;

pub use problem::{Code, Problem};
pub use routes::{document, router};
pub use serve::{Stopped, serve};

/// What the server bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Samples of a request, over all its groups.
    pub samples: usize,
    /// Requests that are scored at a time; more wait.
    pub concurrency: usize,
    /// Connections that are open at a time; more wait to be accepted.
    pub connections: usize,
    /// From a request's head to its answer.
    pub timeout: Duration,
    /// For a request's head, and between two requests of a connection.
    pub head: Duration,
    /// For requests in flight once the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 16 << 20,
            samples: 4096,
            concurrency: 2,
            connections: 256,
            timeout: Duration::from_secs(30),
            head: Duration::from_secs(10),
            grace: Duration::from_secs(10),
        }
    }
}
