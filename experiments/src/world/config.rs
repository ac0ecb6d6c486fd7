//! In: an experiment's settings. Out: the chances of the synthetic world, checked.

use serde::{Deserialize, Serialize};

/// The chances by which pairs are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldConfig {
    /// That a prompt asks for an event. Default .25.
    pub p_event: f64,
    /// That a video is bad in a dimension in every frame. Default .12.
    pub p_global: f64,
    /// That it has a site in a dimension, if it is not bad throughout. Default .4; with an event, TA always has one.
    pub p_site: f64,
    /// That a site is a defect and not a decoy. Default .5.
    pub p_real: f64,
    /// Standard deviation of the noise of every channel of every pixel. Default .02.
    pub pixel_noise: f32,
    /// The same where the quality is bad. Default .08.
    pub bad_noise: f32,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            p_event: 0.25,
            p_global: 0.12,
            p_site: 0.4,
            p_real: 0.5,
            pixel_noise: 0.02,
            bad_noise: 0.08,
        }
    }
}

/// The world cannot be drawn as configured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorldError {
    /// A chance is not a probability.
    #[error("world.{field} = {value}: write a probability from 0 to 1")]
    Probability {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: f64,
    },
    /// A standard deviation is negative or not finite.
    #[error("world.{field} = {value}: write a finite standard deviation of 0 or more")]
    Deviation {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: f32,
    },
}

impl WorldConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`WorldError`] naming the first setting that cannot be used.
    pub fn validate(&self) -> Result<(), WorldError> {
        for (field, value) in [
            ("p_event", self.p_event),
            ("p_global", self.p_global),
            ("p_site", self.p_site),
            ("p_real", self.p_real),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(WorldError::Probability { field, value });
            }
        }
        for (field, value) in [
            ("pixel_noise", self.pixel_noise),
            ("bad_noise", self.bad_noise),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(WorldError::Deviation { field, value });
            }
        }
        Ok(())
    }
}
