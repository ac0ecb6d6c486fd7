//! The policy's model: Qwen2.5-VL's architecture, at any size.

pub mod kernels;
pub mod panels;
pub mod weights;
