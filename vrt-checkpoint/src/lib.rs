//! Published Qwen2.5-VL checkpoints.
