//! The three training stages: cold start, rejection-sampling fine-tuning, GRPO.
//!
//! `Traces → Learner → checkpoint` and `Policy → Rollout → Advantages → Loss → Learner`; files are written by
//! [`checkpoint`] and [`atomic`] alone.

pub mod advantage;
pub mod atomic;
pub mod bootstrap;
pub mod bradley_terry;
pub mod checkpoint;
pub mod grpo;
pub mod learner;
pub mod lora;
pub mod loss;
pub mod optim;
pub mod rejection;
pub mod report;
pub mod sft;
