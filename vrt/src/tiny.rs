//! In: a file that `experiments export` wrote. Out: its tiny policy as a judge, and a word on what it knows.

use std::path::Path;

use vrt_core::episode::Rules;
use vrt_core::policy::{
    FrameBank, Opening, Policy, PolicyError, Reply, SampledToken, Sampling, Shown, TinyError,
    TinyPolicy, TinyState, Turn,
};
use vrt_core::sequence::Sequence;
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
    /// Whether replies keep the log-probabilities of their tokens.
    pub logprobs: bool,
}

/// A tiny policy that can be asked.
#[derive(Debug)]
pub struct TinyJudge {
    trained: TrainedTiny,
    sampling: Sampling,
    /// What each token stands for, where replies keep their tokens.
    spelled: Option<Vec<String>>,
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
        let spelled = draws.logprobs.then(|| trained.vocabulary().spelled());
        Ok(Self {
            trained,
            sampling,
            spelled,
        })
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
    pub fn policy<'a>(&'a self, bank: &'a FrameBank) -> Result<Asked<'a>, TinyError> {
        let policy = self.trained.policy(bank, self.sampling)?;
        Ok(Asked::new(policy, self.spelled.as_deref()))
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

/// The policy while it judges: as it is, its replies with the log-probabilities of their tokens where they are wanted.
pub struct Asked<'a> {
    policy: TinyPolicy<'a>,
    spelled: Option<&'a [String]>,
}

/// One episode.
pub struct AskedState {
    state: TinyState,
    /// Sampled tokens that earlier replies told.
    told: usize,
}

impl<'a> Asked<'a> {
    /// The policy; `spelled` is what each token stands for, where replies hold their tokens.
    pub fn new(policy: TinyPolicy<'a>, spelled: Option<&'a [String]>) -> Self {
        Self { policy, spelled }
    }

    /// The tokens that were sampled since the last reply: what was put in a token's place was not.
    fn newest(&self, state: &mut AskedState) -> Vec<SampledToken> {
        let Some(spelled) = self.spelled else {
            return Vec::new();
        };
        let sampled = state.state.sampled();
        let newest = sampled.get(state.told..).unwrap_or_default();
        let tokens = newest.iter().map(|target| SampledToken {
            token: Some(target.token),
            text: spelled
                .get(target.token as usize)
                .cloned()
                .unwrap_or_default(),
            logp: target.logp.is_finite().then_some(target.logp),
        });
        let tokens = tokens.collect();
        state.told = sampled.len();
        tokens
    }
}

impl Policy for Asked<'_> {
    type State = AskedState;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<AskedState>, PolicyError> {
        let states = self.policy.open(openings)?.into_iter();
        Ok(states.map(|state| AskedState { state, told: 0 }).collect())
    }

    fn reply(&self, turns: &mut [Turn<'_, AskedState>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        let mut inner: Vec<Turn<'_, TinyState>> = Vec::with_capacity(turns.len());
        for turn in turns.iter_mut() {
            inner.push(Turn {
                state: &mut turn.state.state,
                may_call: turn.may_call,
            });
        }
        let mut replies = self.policy.reply(&mut inner);
        for (turn, reply) in turns.iter_mut().zip(&mut replies) {
            if let Some(Ok(reply)) = reply {
                reply.sampled = self.newest(turn.state);
            }
        }
        replies
    }

    fn observe(&self, shown: &mut [Shown<'_, AskedState>]) -> Vec<Result<(), PolicyError>> {
        let mut inner: Vec<Shown<'_, TinyState>> = Vec::with_capacity(shown.len());
        for one in shown.iter_mut() {
            inner.push(Shown {
                state: &mut one.state.state,
                observation: one.observation,
            });
        }
        self.policy.observe(&mut inner)
    }

    fn slots(&self) -> usize {
        self.policy.slots()
    }

    fn sequence(&self, state: AskedState) -> Option<Sequence> {
        self.policy.sequence(state.state)
    }
}
