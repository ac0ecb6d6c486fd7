//! In: the fields that an experiment file states. Out: the declared section with these fields replaced.
//!
//! A file that says `kl.beta = 0.0` keeps the estimator that the objective declared.

use serde::Deserialize;

use super::{
    AdvantageSpec, Center, KlEstimator, KlPlace, KlSpec, Normalise, Resample, Scale, Singleton,
    Surrogate,
};

macro_rules! overrides {
    ($($(#[$doc:meta])* $name:ident of $spec:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                /// Replaces the field of this name, if stated.
                pub $field: Option<$kind>,
            )*
        }

        impl $name {
            /// The section with the stated fields replaced.
            pub fn over(self, declared: $spec) -> $spec {
                $spec { $($field: self.$field.unwrap_or(declared.$field),)* }
            }
        }
    )*};
}

overrides! {
    /// What a file may state of [`AdvantageSpec`].
    AdvantageOverride of AdvantageSpec {
        center: Center,
        scale: Scale,
        eps: f64,
        ddof: u8,
        normalise: Normalise,
        singleton: Singleton,
    }
    /// What a file may state of [`KlSpec`].
    KlOverride of KlSpec { estimator: KlEstimator, beta: f64, place: KlPlace, unbiased: bool, }
    /// What a file may state of [`Resample`].
    ResampleOverride of Resample { all_correct: bool, all_wrong: bool, }
}

/// What a file may state of [`Surrogate`]: numbers of the kind that was declared; the kind itself is the objective's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurrogateOverride {
    clip: Option<ClipOverride>,
    cispo: Option<CispoOverride>,
    sapo: Option<SapoOverride>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClipOverride {
    low: Option<f64>,
    high: Option<f64>,
    dual: Option<f64>,
    delta: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CispoOverride {
    cap: Option<f64>,
    floor: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SapoOverride {
    positive: Option<f64>,
    negative: Option<f64>,
}

impl SurrogateOverride {
    /// The declared surrogate with the stated numbers replaced.
    ///
    /// # Errors
    /// In words, if the numbers are those of another kind.
    pub fn over(self, declared: Surrogate) -> Result<Surrogate, String> {
        let stated = [
            (self.clip.is_some(), "clip"),
            (self.cispo.is_some(), "cispo"),
            (self.sapo.is_some(), "sapo"),
        ];
        let ours = declared.name();
        if let Some((_, theirs)) = stated.iter().find(|(is, name)| *is && *name != ours) {
            return Err(format!(
                "the objective's loss is `{ours}`, which has no numbers of `{theirs}`; state `surrogate.{ours}`, or \
                 declare another objective"
            ));
        }
        Ok(match declared {
            Surrogate::Clip {
                low,
                high,
                dual,
                delta,
            } => {
                let stated = self.clip.unwrap_or_default();
                Surrogate::Clip {
                    low: stated.low.unwrap_or(low),
                    high: stated.high.unwrap_or(high),
                    dual: stated.dual.or(dual),
                    delta: stated.delta.or(delta),
                }
            }
            Surrogate::Cispo { cap, floor } => {
                let stated = self.cispo.unwrap_or_default();
                Surrogate::Cispo {
                    cap: stated.cap.unwrap_or(cap),
                    floor: stated.floor.or(floor),
                }
            }
            Surrogate::Sapo { positive, negative } => {
                let stated = self.sapo.unwrap_or_default();
                Surrogate::Sapo {
                    positive: stated.positive.unwrap_or(positive),
                    negative: stated.negative.unwrap_or(negative),
                }
            }
        })
    }
}
