//! In: a file that `experiments export` wrote. Out: its tiny policy as a judge, and a word on what it knows.

use std::path::Path;

use vrt_core::episode::Rules;
use vrt_core::policy::{FrameBank, Sampling, TinyError, TinyPolicy};
use vrt_train::tiny::{TinyFileError, TrainedTiny};

/// How the policy's tokens are drawn, as far as a command line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draws {
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Seed of the tokens' draws.
    pub seed: u64,
    /// Tokens a unit may have; at most those that the file says.
    pub max_tokens: u32,
}

/// A tiny policy that can be asked.
#[derive(Debug)]
pub struct TinyJudge {
    trained: TrainedTiny,
    sampling: Sampling,
}

impl TinyJudge {
    /// Reads the policy of a file.
    ///
    /// # Errors
    /// [`TinyFileError`] if it holds none.
    pub fn open(path: &Path, draws: Draws) -> Result<Self, TinyFileError> {
        let trained = TrainedTiny::read(path)?;
        let sampling = Sampling {
            temperature: draws.temperature,
            seed: draws.seed,
            step: 0,
            max_tokens: draws.max_tokens.min(trained.header().max_tokens),
        };
        Ok(Self { trained, sampling })
    }

    /// What the file holds.
    pub fn trained(&self) -> &TrainedTiny {
        &self.trained
    }

    /// How its tokens are drawn.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// What every episode may do, unless somebody says otherwise: what it was trained with.
    pub fn rules(&self) -> Rules {
        self.trained.header().rules
    }

    /// The policy. The bank keeps what it has seen by the key of the pair: each way of showing pairs needs its own.
    ///
    /// # Errors
    /// [`TinyError`] never in fact: the file was checked when it was read.
    pub fn policy<'a>(&'a self, bank: &'a FrameBank) -> Result<TinyPolicy<'a>, TinyError> {
        self.trained.policy(bank, self.sampling)
    }

    /// What it knows, for people, in one line.
    pub fn knows(&self) -> String {
        let world = &self.trained.header().world;
        let side = world.side;
        format!(
            "only the synthetic world it was trained in: frames of {side} × {side} pixels, captions such as `{}`; of any \
             other video its verdict means nothing",
            world.caption
        )
    }
}
