//! How a pair is judged, piece by piece: vocabulary, window, episode, rollout, sequence, playback.

mod episode;
mod faults;
mod replay;
mod rollout;
mod sequence;
mod support;
mod tokenizer;
mod window;
