//! Published checkpoints against transformers; the golden numbers stand in `vrt-core/tests/golden/qwen2_5_vl`.

mod chat;
mod generate;
mod golden;
mod hostile;
mod load;
mod pixels;
mod positions;
mod save;
mod sizes;
