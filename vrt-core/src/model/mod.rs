//! The policy's model: Qwen2.5-VL's architecture, at any size.

mod cache;
pub mod decode;
pub mod kernels;
pub mod panels;
pub mod sampling;
pub mod weights;
