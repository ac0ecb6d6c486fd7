//! `vrt traces`: what is kept, what is counted, and what another trainer is given.

mod export;
mod filter;
mod recorded;
