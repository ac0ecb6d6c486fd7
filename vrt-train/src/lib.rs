//! The three training stages: cold start, rejection-sampling fine-tuning, GRPO.
//!
//! `Traces → Learner → checkpoint` and `Policy → Rollout → Advantages → Loss → Learner`, for whatever can
//! [`learn`]: the tiny policy ([`learner`]), or adapters on a published model ([`lora`]); files are written by
//! [`checkpoint`], [`tiny`] (one trained policy as one file) and [`atomic`] alone.

pub mod advantage;
pub mod atomic;
pub mod bootstrap;
pub mod bradley_terry;
pub mod checkpoint;
pub mod grpo;
pub mod learn;
pub mod learner;
pub mod lora;
pub mod loss;
pub mod metrics;
pub mod optim;
pub mod rejection;
pub mod report;
pub mod sft;
pub mod tiny;
pub mod turns;
