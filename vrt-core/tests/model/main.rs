//! The typed model: its operations, gradients, masks and parameters.

mod differences;
mod encoder;
mod golden;
mod lora;
mod masks;
mod parameters;
mod parity;
mod sampler;
mod support;
