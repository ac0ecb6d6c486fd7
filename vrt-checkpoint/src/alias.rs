//! In: a checkpoint's sizes. Out: the typed model that has them.
//!
//! Sizes are part of the model's type, so that a program contains one copy of the work for each alias it may meet.

use std::marker::PhantomData;

use vrt_core::model::decoder::TextModel;
use vrt_core::model::dims;
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;

use crate::config::ModelConfig;
use crate::error::CheckpointError;

/// Work that can be done with a model of any size.
pub trait WithModel {
    /// What comes of it.
    type Out;

    /// Does the work with [`Qwen25Vl<V, X>`]; `alias` is the type's name in [`vrt_core::model::dims`].
    fn run<V, X>(self, alias: &'static str) -> Self::Out
    where
        V: VisionModel<Width = X::Width> + Send + Sync + 'static,
        X: TextModel;
}

/// Work that can be done with a vision tower of any size.
pub trait WithTower {
    /// What comes of it.
    type Out;

    /// Does the work with a tower of type `V`.
    fn run<V: VisionModel + Send + Sync + 'static>(self) -> Self::Out;
}

fn tower_fits<V: VisionModel, X>(_: PhantomData<Qwen25Vl<V, X>>, config: &ModelConfig) -> bool {
    V::SIZES == config.tower
}

fn run_tower<V, X, W>(_: PhantomData<Qwen25Vl<V, X>>, work: W) -> W::Out
where
    V: VisionModel + Send + Sync + 'static,
    W: WithTower,
{
    work.run::<V>()
}

fn fits<V: VisionModel, X: TextModel>(
    _: PhantomData<Qwen25Vl<V, X>>,
    config: &ModelConfig,
) -> bool {
    config.fits::<V, X>()
}

fn run<V, X, W>(_: PhantomData<Qwen25Vl<V, X>>, work: W, alias: &'static str) -> W::Out
where
    V: VisionModel<Width = X::Width> + Send + Sync + 'static,
    X: TextModel,
    W: WithModel,
{
    work.run::<V, X>(alias)
}

fn unknown(config: &ModelConfig) -> CheckpointError {
    CheckpointError::NoAlias {
        found: config.describe(),
        declaration: config.declaration(),
        known: ALIASES.join(", "),
    }
}

macro_rules! aliases {
    ($($name:ident),* $(,)?) => {
        /// The sizes that checkpoints are read in.
        pub const ALIASES: &[&str] = &[$(stringify!($name)),*];

        /// Does the work with the typed model that has the configuration's sizes.
        ///
        /// # Errors
        /// [`CheckpointError::NoAlias`] lists the sizes and says how to add the type.
        pub fn with_model<W: WithModel>(config: &ModelConfig, work: W) -> Result<W::Out, CheckpointError> {
            $(
                if fits(PhantomData::<dims::$name>, config) {
                    return Ok(run(PhantomData::<dims::$name>, work, stringify!($name)));
                }
            )*
            Err(unknown(config))
        }

        /// Does the work with the typed vision tower that has the configuration's sizes, whatever the decoder's are.
        ///
        /// # Errors
        /// [`CheckpointError::NoAlias`] lists the sizes and says how to add the type.
        pub fn with_tower<W: WithTower>(config: &ModelConfig, work: W) -> Result<W::Out, CheckpointError> {
            $(
                if tower_fits(PhantomData::<dims::$name>, config) {
                    return Ok(run_tower(PhantomData::<dims::$name>, work));
                }
            )*
            Err(unknown(config))
        }
    };
}

aliases!(Golden, Qwen3B, Qwen7B);
