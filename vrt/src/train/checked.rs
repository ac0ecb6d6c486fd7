//! In: a value of a training file. Out: the same, or what it must be.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use vrt_core::model::lora::LoraConfig;
use vrt_train::optim::{AdamWConfig, Schedule};

/// A value that holds a condition; `must` says which.
fn checked<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    sound: impl Fn(&T) -> bool,
    must: impl Display,
) -> Result<T, D::Error> {
    let value = T::deserialize(from)?;
    if sound(&value) {
        Ok(value)
    } else {
        Err(D::Error::custom(must))
    }
}

pub fn tokens<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let sound = |tokens: &u32| (4..=16384).contains(tokens);
    checked(from, sound, "a picture has from 4 to 16384 visual tokens")
}

pub fn temperature<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    let sound = |value: &f32| value.is_finite() && *value > 0.0;
    checked(from, sound, "a sampling temperature is a number above 0")
}

pub fn multiple<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let sound = |value: &f64| value.is_finite() && *value >= 1.0;
    checked(from, sound, "`draws` is a multiple of `groups`: 1 or more")
}

pub fn group<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let must = "a group has 2 samples or more: one alone has nothing to be compared with";
    checked(from, |samples: &u32| *samples >= 2, must)
}

pub fn lora<'de, D: Deserializer<'de>>(from: D) -> Result<LoraConfig, D::Error> {
    let sound = |lora: &LoraConfig| lora.rank > 0 && lora.alpha.is_finite() && lora.alpha > 0.0;
    checked(
        from,
        sound,
        "adapters have a rank of 1 or more and an alpha above 0",
    )
}

pub fn adamw<'de, D: Deserializer<'de>>(from: D) -> Result<AdamWConfig, D::Error> {
    let sound = |adamw: &AdamWConfig| {
        let AdamWConfig {
            betas,
            eps,
            weight_decay,
            max_norm,
        } = *adamw;
        let above = [eps, max_norm]
            .iter()
            .all(|value| value.is_finite() && *value > 0.0);
        let betas = betas.iter().all(|beta| (0.0..1.0).contains(beta));
        above && betas && weight_decay.is_finite() && weight_decay >= 0.0
    };
    let must = "AdamW has `betas` from 0 to below 1, `eps` and `max_norm` above 0, `weight_decay` of 0 or more";
    checked(from, sound, must)
}

pub fn schedule<'de, D: Deserializer<'de>>(from: D) -> Result<Schedule, D::Error> {
    let sound = |schedule: &Schedule| {
        let Schedule { peak, floor, .. } = *schedule;
        peak.is_finite() && peak > 0.0 && (0.0..=1.0).contains(&floor)
    };
    let must =
        "a schedule has a `peak` above 0 and a `floor` from 0 to 1, the last rate's share of it";
    checked(from, sound, must)
}
