//! A real llama.cpp server with a tiny random Qwen2.5-VL: `tests/llamacpp/setup` makes both.

mod agreement;
mod episodes;
mod eval;
mod judge;
mod server;
mod slopes;
