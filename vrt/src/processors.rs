//! In: the machine. Out: how many threads are worth starting; no result depends on it.

use std::num::NonZero;
use std::thread;

/// Processors that this process may use, at least 1.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
