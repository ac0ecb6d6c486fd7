//! A trained tiny policy through the whole program: `experiments export`, `experiments pairs`, and `vrt` with what they write.

mod folder;
mod judge;
mod train;
