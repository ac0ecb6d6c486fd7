//! In: a training file. Out: whether what it says goes with what it trains; what does not is underlined.
//!
//! The text is read once more with the keys that do not go with the model declared as refusals: an error then knows its place.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

macro_rules! refusals {
    ($($name:ident: $why:literal;)*) => {$(
        fn $name<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
            Err(D::Error::custom($why))
        }
    )*};
}

refusals! {
    another_model: "either `checkpoint` or `tiny`: a run trains one of them";
    no_rules: "the rules of a tiny policy are those that its file was written with; leave [rules] out";
    no_adapters: "a tiny policy is trained itself, without adapters; leave [adapters] out";
    no_picture_tokens: "a picture is one visual token to a tiny policy; leave `picture_tokens` out";
    no_side_by_side: "a tiny policy writes as many units side by side as stay in a core's cache; leave `side_by_side` out";
}

/// What does not go with a tiny policy.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read for its refusals")]
pub struct WithTiny {
    #[serde(default, deserialize_with = "another_model")]
    checkpoint: (),
    #[serde(default, deserialize_with = "no_rules")]
    rules: (),
    #[serde(default, deserialize_with = "no_adapters")]
    adapters: (),
    #[serde(default, deserialize_with = "no_picture_tokens")]
    picture_tokens: (),
    #[serde(default, deserialize_with = "no_side_by_side")]
    side_by_side: (),
    #[serde(default)]
    rft: TinyStage,
    #[serde(default)]
    grpo: TinyStage,
}

#[derive(Default, Deserialize)]
#[expect(dead_code, reason = "it is read for its refusals")]
struct TinyStage {
    #[serde(default, deserialize_with = "no_checkpoint")]
    start: (),
}

/// What does not go with a checkpoint.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read for its refusals")]
pub struct WithCheckpoint {
    #[serde(default)]
    rft: CheckpointStage,
    #[serde(default)]
    grpo: CheckpointStage,
}

#[derive(Default, Deserialize)]
#[expect(dead_code, reason = "it is read for its refusals")]
struct CheckpointStage {
    #[serde(default, deserialize_with = "no_tiny")]
    start: (),
}

fn no_checkpoint<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    let why = "there is no checkpoint here; `start = \"tiny\"` is the policy as its file has it";
    unless(from, "checkpoint", why)
}

fn no_tiny<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    let why = "there is no tiny policy here; `start = \"checkpoint\"` is the checkpoint as it is";
    unless(from, "tiny", why)
}

fn unless<'de, D: Deserializer<'de>>(from: D, refused: &str, why: &str) -> Result<(), D::Error> {
    match String::deserialize(from)? {
        start if start == refused => Err(D::Error::custom(why)),
        _ => Ok(()),
    }
}
