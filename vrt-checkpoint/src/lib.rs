//! Published Qwen2.5-VL checkpoints, read and written.
//!
//! `folder → Checkpoint → Qwen25Vl` (or the decoder's weights alone), `messages → ChatTemplate → Tokenizer → Prompt`,
//! `pictures → Processor → Patches`; `Prompt + visual embeddings → greedy`. [`save`](save::save) writes a folder that
//! transformers reads.

pub mod alias;
pub mod chat;
pub mod config;
pub mod error;
pub mod generate;
mod json;
pub mod load;
pub mod names;
pub mod processor;
pub mod prompt;
pub mod resize;
pub mod save;
mod shards;
pub mod smart_resize;
pub mod tokenizer;

pub use alias::{WithModel, WithTower, with_model, with_tower};
pub use config::ModelConfig;
pub use error::{CheckpointError, TensorProblem};
pub use load::Checkpoint;
pub use names::KeyLayout;
pub use processor::{Picture, Processor};
pub use prompt::{Media, Prompt};
pub use save::{Saving, save, save_values};
