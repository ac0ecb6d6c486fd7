//! In: operations and an objective of your own, and how a teacher would use them. Out: a tiny policy trained with
//! them from nothing, and what it does.
//!
//! The stages are those of every experiment, in the same store: finished ones are found again, a killed run goes on
//! where it was. Whatever depends on your code is kept under the identity of the program that holds it, so a changed
//! operation or term never meets the results of the old one.

mod report;
mod shown;

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use vrt_core::objective::Objective;
use vrt_core::op::OpSet;
use vrt_train::atomic::FileError;

use crate::clock;
use crate::graph::{Graph, MissingInput, RunError, RunOptions};
use crate::lines::{self, LinesError};
use crate::metrics;
use crate::progress::Display;
use crate::run::JUDGMENTS;
use crate::stage::{Cancel, Stage};
use crate::stages::base::Base;
use crate::stages::cold_start::ColdStart;
use crate::stages::eval::Eval;
use crate::stages::grpo::Grpo;
use crate::stages::params::ArmParams;
use crate::stages::{Link, tower};
use crate::stats::StatsError;
use crate::store::Store;
use crate::world::config::WorldError;
use crate::world::teacher::Call;
use crate::world::told::Told;
pub use report::LabReport;
use shown::Shown;
use vrt_core::tokenizer::VocabularyError;

/// A place to try operations `O` and an objective `B`: tower → base → cold start → GRPO → judging.
///
/// ```no_run
/// use experiments::lab::Lab;
/// use vrt_core::objective::VrThinker;
/// use vrt_core::op::PaperOps;
///
/// let report = Lab::<PaperOps, VrThinker>::new().train()?;
/// println!("{report}");
/// # Ok::<(), experiments::lab::LabError>(())
/// ```
pub struct Lab<O, B> {
    params: ArmParams,
    tell: fn(&Call) -> Told,
    seed: u64,
    root: Option<PathBuf>,
    display: Display,
    made: PhantomData<fn() -> (O, B)>,
}

/// Why a lab has nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The operations do not make a vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The world's settings cannot be used.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A stage failed, or was interrupted.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A stage left something else than it should.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The judgments cannot be counted.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A chain without a link; never of a lab.
    #[error(transparent)]
    Chain(#[from] MissingInput),
}

/// The recipe at its smallest: half a minute of two cores. The policy learns the format, to call, and little else;
/// take [`ArmParams::default`] for the recipe of the experiments.
pub fn small() -> ArmParams {
    let mut params = ArmParams::default();
    params.tower.steps = 60;
    params.base.traces = 6144;
    params.base.batch = 16;
    params.cold_start.traces = 512;
    params.grpo.steps = 6;
    params.grpo.prompts = 8;
    params.grpo.batch = 32;
    params.eval.pairs_per_split = 40;
    params
}

impl<O: OpSet + 'static, B: Objective + 'static> Default for Lab<O, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: OpSet + 'static, B: Objective + 'static> Lab<O, B> {
    /// A lab at the size of [`small`], in a folder that goes away with its report, with progress on stderr. The
    /// teacher calls `select_frames`; a set without it needs [`Lab::shown`].
    pub fn new() -> Self {
        Self {
            params: small(),
            tell: Call::told,
            seed: 1,
            root: None,
            display: Display::stderr(),
            made: PhantomData,
        }
    }

    /// How the teacher of the world says with your operations where it wants to look.
    pub fn shown(self, tell: fn(&Call) -> Told) -> Self {
        Self { tell, ..self }
    }

    /// Another size, or other numbers for the objective: `params.grpo.objective`.
    pub fn sized(self, params: ArmParams) -> Self {
        Self { params, ..self }
    }

    /// Another seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Keeps stages in this folder, such as the `cache` of the experiments.
    pub fn keep_in(self, root: impl Into<PathBuf>) -> Self {
        Self {
            root: Some(root.into()),
            ..self
        }
    }

    /// Says nothing while it works.
    pub fn silent(self) -> Self {
        Self {
            display: Display::silent(),
            ..self
        }
    }

    /// Trains a policy and lets it judge pairs it has not seen.
    ///
    /// # Errors
    /// [`LabError`]; finished stages of a kept folder stay finished.
    pub fn train(&self) -> Result<LabReport, LabError> {
        let scratch = tempfile::tempdir().map_err(FileError::at("create", std::env::temp_dir()))?;
        let store = Store::at(self.root.as_deref().unwrap_or(scratch.path()));
        let kit = Shown::<O>::new(self.tell, self.params.world.clone())?;
        let mut graph = Graph::default();
        let mut previous = None;
        let mut add = |make: &dyn Fn(&Link<'_>) -> Arc<dyn Stage>| {
            let link = Link {
                params: &self.params,
                seed: self.seed,
                previous,
            };
            let id = graph.add(make(&link))?;
            previous = Some(id);
            Ok::<_, MissingInput>(id)
        };
        add(&tower::make)?;
        add(&|link| Arc::new(Base::new(link, kit.clone())))?;
        add(&|link| Arc::new(ColdStart::new(link, kit.clone())))?;
        let trained = add(&|link| Arc::new(Grpo::<_, B>::new(link, kit.clone())))?;
        let judged = add(&|link| Arc::new(Eval::new(link, kit.clone())))?;
        let options = RunOptions {
            threads: clock::processors(),
            cancel: Cancel::default(),
            display: self.display.clone(),
        };
        graph.run(&store, &[trained, judged], &options)?;
        LabReport::new(
            lines::read(&store.entry("grpo", trained).join(metrics::FILE))?,
            lines::read(&store.entry("eval", judged).join(JUDGMENTS))?,
        )
    }
}
