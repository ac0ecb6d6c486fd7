//! The server policy against a local server that does whatever it is told to.

mod causes;
mod conversation;
mod episodes;
mod journal;
mod pool;
mod recorded;
mod scripted;
mod support;
