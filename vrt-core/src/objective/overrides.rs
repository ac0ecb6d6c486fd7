//! In: the fields that an experiment file states. Out: the declared section with these fields replaced.
//!
//! A file that says `kl.beta = 0.0` keeps the estimator that the objective declared.

use serde::Deserialize;

use super::{AdvantageSpec, Center, ClipSpec, KlEstimator, KlSpec, Resample, Scale};

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
    AdvantageOverride of AdvantageSpec { center: Center, scale: Scale, eps: f64, }
    /// What a file may state of [`ClipSpec`].
    ClipOverride of ClipSpec { low: f64, high: f64, }
    /// What a file may state of [`KlSpec`].
    KlOverride of KlSpec { estimator: KlEstimator, beta: f64, }
    /// What a file may state of [`Resample`].
    ResampleOverride of Resample { all_correct: bool, all_wrong: bool, }
}
