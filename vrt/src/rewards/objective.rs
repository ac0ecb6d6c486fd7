//! In: an objective's name and numbers. Out: what scores groups under it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use vrt_core::objective::{self, Objective, ObjectiveError};
use vrt_core::pair::Verdict;
use vrt_core::reward::{Group, Judged, RewardSheet};
use vrt_train::advantage::{Advantages, of_groups};
use vrt_view::{Advantage, RewardRecord};

use super::problem::{Code, Problem};
use super::wire::{
    GroupRequest, GroupResponse, ObjectiveResponse, SampleRequest, SampleResponse, ScoreRequest,
    ScoreResponse,
};
use crate::traces::{Said, judged};

/// Larger penalties would overflow the sums that advantages are made of.
const MOST_PENALTY: f64 = 1e6;

/// Scores requests.
pub trait Scorer: Send + Sync {
    /// What it is.
    fn describe(&self) -> ObjectiveResponse;

    /// Rewards and advantages of the groups, in their order.
    ///
    /// # Errors
    /// [`Problem`] names the first entry that cannot be scored.
    fn score(&self, request: ScoreRequest) -> Result<ScoreResponse, Problem>;
}

/// The numbers of a file do not make the objective.
#[derive(Debug, thiserror::Error)]
pub enum ParametersError {
    /// It is not what the objective reads.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A number is outside its range, or two choices exclude each other.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
}

/// Work that can be done with any objective.
pub trait WithObjective {
    /// What comes of it.
    type Out;

    /// Does the work.
    fn run<B: Objective + 'static>(self) -> Self::Out;
}

macro_rules! objectives {
    ($($name:ident),*) => {
        /// An objective by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Named {
            $(#[doc = concat!("`", stringify!($name), "`.")] $name,)*
        }

        impl Named {
            /// Does the work with the objective of this name.
            pub fn with<W: WithObjective>(self, work: W) -> W::Out {
                match self {
                    $(Self::$name => work.run::<objective::$name>(),)*
                }
            }
        }
    };
}

objectives!(VrThinker, Grpo, DrGrpo, Dapo, Gspo, Cispo, Rloo, Bnpo, Sapo);

impl Named {
    /// The objective with the numbers that `toml` states, and its own where it states none.
    ///
    /// # Errors
    /// [`ParametersError`] names the place in `toml`, or the number and its range.
    pub fn scorer(self, toml: &str) -> Result<Box<dyn Scorer>, ParametersError> {
        self.with(Serve(toml))
    }
}

struct Serve<'a>(&'a str);

impl WithObjective for Serve<'_> {
    type Out = Result<Box<dyn Scorer>, ParametersError>;

    fn run<B: Objective + 'static>(self) -> Self::Out {
        let objective = B::deserialize(toml::Deserializer::parse(self.0)?)?;
        objective.validate()?;
        Ok(Box::new(Under(objective)))
    }
}

struct Under<B>(B);

impl<B: Objective> Scorer for Under<B> {
    fn describe(&self) -> ObjectiveResponse {
        ObjectiveResponse {
            name: B::NAME.to_owned(),
            doc: B::DOC,
            terms: B::TERMS,
            parameters: serde_json::to_value(&self.0).unwrap_or_default(),
        }
    }

    fn score(&self, request: ScoreRequest) -> Result<ScoreResponse, Problem> {
        let mut groups = Vec::with_capacity(request.groups.len());
        let mut penalties = Vec::with_capacity(request.groups.len());
        for (number, group) in request.groups.into_iter().enumerate() {
            penalties.push(group.samples.iter().map(|one| one.penalty).collect());
            groups.push(read_group(number, group)?);
        }
        let sheets: Vec<RewardSheet> = groups
            .iter()
            .map(|samples| self.0.score(&Group { samples }))
            .collect();
        let advantages = of_groups(&sheets, &penalties, &self.0.advantage());
        let each = groups
            .into_iter()
            .zip(sheets)
            .zip(penalties)
            .zip(advantages);
        Ok(ScoreResponse {
            objective: B::NAME.to_owned(),
            groups: each
                .map(|(((judged, sheet), penalties), advantages)| {
                    answer(judged, &sheet, &penalties, &advantages)
                })
                .collect(),
        })
    }
}

fn read_group(number: usize, group: GroupRequest) -> Result<Vec<Judged>, Problem> {
    let truth = group.truth.verdict();
    let samples = group.samples.into_iter().enumerate();
    samples
        .map(|(at, sample)| {
            let refuse = |field: &str, why: String| {
                let pointer = format!("/groups/{number}/samples/{at}/{field}");
                Problem::new(Code::Data, why).at(pointer)
            };
            if sample.penalty.abs() > MOST_PENALTY {
                let why = format!("{} is beyond ±{MOST_PENALTY}: no KL is", sample.penalty);
                return Err(refuse("penalty", why));
            }
            let calls = sample.calls.as_deref();
            if let Some(calls) = calls
                && calls.len() != sample.units.len()
            {
                let (found, units) = (calls.len(), sample.units.len());
                let why =
                    format!("{found} numbers for {units} units; give one a unit, or leave it out");
                return Err(refuse("calls", why));
            }
            Ok(read_sample(&sample, truth))
        })
        .collect()
}

fn read_sample(sample: &SampleRequest, truth: Verdict) -> Judged {
    let last = sample.units.len().saturating_sub(1);
    let said = sample.units.iter().enumerate().map(|(at, text)| Said {
        text,
        cut: sample.cut && at == last,
        calls: match &sample.calls {
            Some(calls) => calls[at] as usize,
            None => usize::MAX,
        },
    });
    let mut judged = judged(said, truth);
    if let Some(why) = &sample.fault
        && judged.format.is_ok()
    {
        judged.format = Err(why.clone());
    }
    judged
}

fn answer(
    judged: Vec<Judged>,
    sheet: &RewardSheet,
    penalties: &[f64],
    advantages: &Advantages,
) -> GroupResponse {
    let samples = judged.into_iter().zip(&sheet.samples).enumerate();
    GroupResponse {
        samples: samples
            .map(|(at, (judged, paid))| {
                let advantage = Advantage {
                    value: advantages.values[at],
                    shares: &advantages.shares[at],
                };
                SampleResponse {
                    reward: paid.total.map(|total| total - penalties[at]),
                    advantage: advantage.value,
                    terms: RewardRecord::new(paid, Some(advantage)).terms,
                    fault: judged.format.err(),
                    answer: judged.answer.map(Into::into),
                }
            })
            .collect(),
    }
}
