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
    #[error("{field} = {value}: write a probability from 0 to 1")]
    Probability {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: f64,
    },
    /// A standard deviation is negative or not finite.
    #[error("{field} = {value}: write a finite standard deviation of 0 or more")]
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
        check_probabilities(&[
            ("world.p_event", self.p_event),
            ("world.p_global", self.p_global),
            ("world.p_site", self.p_site),
            ("world.p_real", self.p_real),
        ])?;
        let deviations = [
            ("world.pixel_noise", self.pixel_noise),
            ("world.bad_noise", self.bad_noise),
        ];
        for (field, value) in deviations {
            if !(value.is_finite() && value >= 0.0) {
                return Err(WorldError::Deviation { field, value });
            }
        }
        Ok(())
    }
}

/// Refuses the first of these settings that is not a probability.
pub(super) fn check_probabilities(settings: &[(&'static str, f64)]) -> Result<(), WorldError> {
    for &(field, value) in settings {
        if !(0.0..=1.0).contains(&value) {
            return Err(WorldError::Probability { field, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        assert_eq!(WorldConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_bad_setting_is_named() {
        let broken = WorldConfig {
            p_real: f64::NAN,
            ..WorldConfig::default()
        };
        let error = broken.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "world.p_real = NaN: write a probability from 0 to 1"
        );
        let broken = WorldConfig {
            bad_noise: -0.1,
            ..WorldConfig::default()
        };
        assert!(
            broken
                .validate()
                .unwrap_err()
                .to_string()
                .contains("world.bad_noise = -0.1")
        );
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let parsed: Result<WorldConfig, _> = toml::from_str("p_sight = 0.3");
        assert!(parsed.unwrap_err().to_string().contains("p_sight"));
    }
}
