//! The policy's model: Qwen2.5-VL's architecture, at any size.

pub mod attention;
mod cache;
pub mod decode;
pub mod decoder;
pub mod device;
pub mod dims;
pub mod encode;
pub mod error;
pub mod gradients;
pub mod kernels;
pub mod lora;
pub mod ops;
pub mod panels;
pub mod params;
pub mod patches;
pub mod qwen;
pub mod sampling;
pub mod vision;
pub mod weights;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use dims::Tiny;
pub use error::ModelError;
pub use gradients::{Frames, Shard};
pub use ops::Fused;
pub use params::ParamSpec;
