//! In: a policy, pairs and an objective. Out: one GRPO step.
//!
//! Sample groups, score them, keep those that teach, take their advantages, and step on mini-batches:
//!
//! ```text
//! s_i = Σ_k w_k f_k        A_i = (s_i − mean) / (std + ε)
//! J = E[1/T_i Σ_t min(ζA, clip(ζ, 1−ε, 1+ε)A) − β·KL(π_θ‖π_ref)]
//! ```
//!
//! Where this departs from the paper: the behaviour policy is refreshed every step (the paper: every 4 batches);
//! the vision tower is frozen (the paper does not say); sampling temperature enters the loss as it entered the
//! sampler, so that ζ = 1 on the first mini-batch.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use vrt_core::episode::{Rules, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::objective::{AdvantageSpec, Center, KlPlace, LossSpec, Objective, Scale, Truncated};
use vrt_core::op::OpSet;
use vrt_core::pair::{Dimension, PreferencePair};
use vrt_core::policy::{PolicyError, Sampling};
use vrt_core::reward::{Group, Judged, RewardSheet};
use vrt_core::rng::{self, Purpose};
use vrt_core::rollout::rollout;

use crate::advantage::{Advantages, advantages, of_groups};
use crate::learn::{
    Actor, ActorError, Learn, LearnError, Sampled, SequenceOf, ShardTokens, Weights,
};
use crate::loss::{Batch, LossSums, SampledTokens, kl_value, policy_loss};
use crate::optim::Schedule;
use crate::report::GroupReport;

/// How GRPO runs; what is rewarded stands in the objective.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoConfig {
    /// Steps; each samples with the newest policy.
    pub steps: u64,
    /// Groups a step learns from.
    pub groups: usize,
    /// The paper's `n`: samples a group.
    pub samples: u32,
    /// Most groups a step may sample to find `groups` that teach, as a multiple of `groups`.
    pub draws: f64,
    /// Passes over a step's samples.
    pub epochs: u64,
    /// Samples a mini-batch.
    pub batch: usize,
    /// Sampling temperature, in the loss as well.
    pub temperature: f32,
    /// Tokens a unit may have.
    pub max_tokens: u32,
    /// The learning rate over all steps.
    pub schedule: Schedule,
}

/// What a step needs besides the actor.
pub struct Task<'a, B: Objective> {
    /// How GRPO runs.
    pub config: GrpoConfig,
    /// What is rewarded, and how it is learned from.
    pub objective: &'a B,
    /// The rules of an episode.
    pub rules: Rules,
    /// The pair that a running number stands for.
    pub pairs: &'a (dyn Fn(u64) -> PreferencePair + Sync),
    /// Seed of sampling and shuffling.
    pub seed: u64,
}

/// Why a step could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum GrpoError {
    /// A pair could not be judged.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The model does not make a policy.
    #[error(transparent)]
    Actor(ActorError),
    /// A mini-batch could not be learned from.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// A pair without ground truth cannot be rewarded.
    #[error("pair {0:#018x} has no ground truth; train on labelled pairs only")]
    Unlabelled(u64),
}

/// What became of the groups that were sampled; the rows sum to `sampled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLedger {
    /// Groups sampled.
    pub sampled: u64,
    /// Learned from.
    pub learned: u64,
    /// Filtered: every sample right in everything.
    pub all_correct: u64,
    /// Filtered: every sample wrong in everything.
    pub all_wrong: u64,
    /// Filtered: rewards equal for another reason, so that every advantage is 0.
    pub equal: u64,
    /// Sampled beyond the number wanted: informative, not needed.
    pub surplus: u64,
}

/// What one step saw, over every sample drawn, the filtered ones included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GrpoStep {
    /// Groups.
    pub groups: GroupLedger,
    /// Samples by stop reason.
    pub ledger: Ledger,
    /// Share of samples whose overall preference is right.
    pub overall: f64,
    /// Share of samples right in all four.
    pub all_right: f64,
    /// Mean total reward.
    pub reward: f64,
    /// Mean raw value of each term where it did not abstain, in the objective's order.
    pub terms: Vec<f64>,
    /// Mean `|share|` of each term in the advantages learned from: who moves the policy.
    pub shares: Vec<f64>,
    /// Calls a sample.
    pub calls: f64,
    /// Share of samples that call.
    pub callers: f64,
    /// Tokens a reasoning unit.
    pub unit_tokens: f64,
    /// Mean `−ln p` of a sampled token: an estimate of the entropy.
    pub entropy: f64,
    /// Means over the tokens learned from.
    pub kl: f64,
    /// Share of tokens where the clip holds.
    pub clipped: f64,
    /// Mean `|ln ζ|`.
    pub drift: f64,
    /// Largest norm of a mini-batch's gradient.
    pub norm: f32,
    /// The step's first group that teaches, line by line: who won, and because of which term.
    pub example: Vec<String>,
}

/// One sample to learn from.
struct Lesson<S> {
    sequence: S,
    /// Which of the kept groups, and which of its samples.
    place: (usize, usize),
    advantage: f64,
    /// `ln π_old`.
    old: Vec<f64>,
    /// `ln π_sampler`, where it is corrected for.
    sampler: Vec<f64>,
    /// `ln π_ref`, where it is asked for.
    reference: Vec<f64>,
    /// Its tokens carry no loss: it was cut off, and the objective leaves such episodes out.
    masked: bool,
}

impl<S> Lesson<S> {
    /// Tokens that carry loss.
    fn tokens(&self) -> usize {
        if self.masked { 0 } else { self.old.len() }
    }
}

/// Samples, scores and learns. `cursor` is the running number of the next pair, and moves on.
///
/// # Errors
/// [`GrpoError`]; the actor may have taken some of the step's mini-batches then.
pub fn step<O: OpSet, B: Objective, A: Actor>(
    actor: &mut A,
    task: &Task<'_, B>,
    step: u64,
    cursor: &mut u64,
) -> Result<GrpoStep, GrpoError> {
    let config = &task.config;
    actor.begin();
    let threads = actor.learner().threads();
    let mut seen = Seen {
        terms: vec![(0.0, 0); B::TERMS.len()],
        ..Seen::default()
    };
    let mut lessons: Vec<Lesson<SequenceOf<A>>> = Vec::new();
    let mut sheets: Vec<RewardSheet> = Vec::new();
    let mut first: Vec<Judged> = Vec::new();
    let spec = task.objective.loss();
    let most = (config.groups as f64 * config.draws).ceil() as u64;
    let sampling = Sampling {
        temperature: config.temperature,
        seed: task.seed,
        step,
        max_tokens: config.max_tokens,
    };
    let policy = actor.policy(sampling).map_err(GrpoError::Actor)?;
    while seen.step.groups.learned < config.groups as u64 && seen.step.groups.sampled < most {
        let wanted = config.groups as u64 - seen.step.groups.learned;
        // As many as are expected to be enough, from the share that taught something so far.
        let share = if seen.step.groups.sampled == 0 {
            1.0
        } else {
            (seen.step.groups.learned as f64 / seen.step.groups.sampled as f64).max(0.2)
        };
        let draw = ((wanted as f64 / share).ceil() as u64).min(most - seen.step.groups.sampled);
        let pairs: Vec<PreferencePair> = (*cursor..*cursor + draw).map(task.pairs).collect();
        *cursor += draw;
        let (rollouts, ledger) =
            rollout::<O, _>(&policy, &pairs, config.samples, &task.rules, threads)?;
        seen.step.ledger.add(&ledger);
        for rollout in rollouts {
            let pair = &pairs[rollout.pair];
            let truth = pair.truth.ok_or(GrpoError::Unlabelled(pair.key.0))?;
            let judged: Vec<Judged> = rollout
                .samples
                .iter()
                .map(|sample| sample.episode.judged(truth))
                .collect();
            let sheet = seen.score(task.objective, &judged);
            for sample in &rollout.samples {
                let units = sample.episode.rounds.len();
                seen.units += units as u64;
                if let Some(sequence) = &sample.sequence {
                    let surprise = sequence.logps().map(|logp| -f64::from(logp));
                    seen.surprise += surprise.sum::<f64>();
                    seen.targets += sequence.tokens() as u64;
                }
            }
            if !seen.sort(task.objective, &judged, &sheet, config.groups as u64) {
                continue;
            }
            let group = sheets.len();
            sheets.push(sheet);
            if group == 0 {
                first = judged;
            }
            for (number, sample) in rollout.samples.into_iter().enumerate() {
                let Some(sequence) = sample.sequence.filter(|one| one.tokens() > 0) else {
                    continue;
                };
                let cut = sample.episode.stop == Some(StopReason::Cut);
                lessons.push(Lesson {
                    place: (group, number),
                    advantage: 0.0,
                    old: sequence.logps().map(f64::from).collect(),
                    sampler: Vec::new(),
                    reference: Vec::new(),
                    masked: cut && spec.truncated == Truncated::Mask,
                    sequence,
                });
            }
        }
    }
    drop(policy);
    if spec.kl.beta > 0.0 {
        let logps = score(actor, Weights::Reference, config.temperature, &lessons)?;
        for (lesson, logps) in lessons.iter_mut().zip(logps) {
            lesson.reference = logps;
        }
    }
    if spec.correction.is_some() {
        let logps = score(actor, Weights::Newest, config.temperature, &lessons)?;
        for (lesson, logps) in lessons.iter_mut().zip(logps) {
            lesson.sampler = std::mem::replace(&mut lesson.old, logps);
        }
    }
    let penalties = penalties(&spec, &sheets, &lessons);
    let groups = of_groups(&sheets, &penalties, &task.objective.advantage());
    seen.share(&groups);
    if let (Some(sheet), Some(advantages)) = (sheets.first(), groups.first()) {
        let report = GroupReport {
            objective: B::NAME,
            samples: &first,
            sheet,
            advantages,
        };
        seen.step.example = report.to_string().lines().map(str::to_owned).collect();
    }
    for lesson in &mut lessons {
        let (group, sample) = lesson.place;
        lesson.advantage = groups[group].values[sample];
    }
    learn(actor, task, step, &lessons, &mut seen)?;
    Ok(seen.finish())
}

/// What the distance from the reference takes off each sample's reward: `β·Σ_t KL_t`, if it is in the reward.
fn penalties<S>(spec: &LossSpec, sheets: &[RewardSheet], lessons: &[Lesson<S>]) -> Vec<Vec<f64>> {
    if spec.kl.place != KlPlace::Reward {
        return Vec::new();
    }
    let mut penalties: Vec<Vec<f64>> = sheets
        .iter()
        .map(|sheet| vec![0.0; sheet.samples.len()])
        .collect();
    for lesson in lessons {
        let tokens = lesson.old.iter().zip(&lesson.reference);
        let kl: f64 = tokens
            .map(|(&old, &reference)| kl_value(spec.kl.estimator, old, reference))
            .sum();
        let (group, sample) = lesson.place;
        penalties[group][sample] = spec.kl.beta * kl;
    }
    penalties
}

/// Log-probabilities of the lessons' tokens.
fn score<A: Actor>(
    actor: &A,
    of: Weights,
    temperature: f32,
    lessons: &[Lesson<SequenceOf<A>>],
) -> Result<Vec<Vec<f64>>, LearnError> {
    let sequences: Vec<&SequenceOf<A>> = lessons.iter().map(|lesson| &lesson.sequence).collect();
    let logps = actor.logps(of, &sequences, temperature)?.into_iter();
    Ok(logps
        .map(|logps| logps.into_iter().map(f64::from).collect())
        .collect())
}

fn learn<A: Actor, B: Objective>(
    actor: &mut A,
    task: &Task<'_, B>,
    step: u64,
    lessons: &[Lesson<SequenceOf<A>>],
    seen: &mut Seen,
) -> Result<(), LearnError> {
    let config = &task.config;
    let spec = task.objective.loss();
    let rate = config.schedule.at(step, config.steps);
    for epoch in 0..config.epochs {
        let mut order: Vec<usize> = (0..lessons.len()).collect();
        order.shuffle(&mut rng::stream(
            task.seed,
            Purpose::Shuffle,
            step,
            epoch,
            0,
        ));
        // Mini-batches of nearly equal size: a rest of a few samples would be a noisy step of its own.
        let batches = (order.len() / config.batch.max(1)).max(1);
        for members in order.chunks(order.len().div_ceil(batches).max(1)) {
            let sequences: Vec<&SequenceOf<A>> = members
                .iter()
                .map(|&lesson| &lessons[lesson].sequence)
                .collect();
            let tokens = |lessons: &mut dyn Iterator<Item = &Lesson<SequenceOf<A>>>| {
                lessons.map(Lesson::tokens).sum()
            };
            let batch = Batch {
                sequences: members.len(),
                empty: members.iter().filter(|&&l| lessons[l].masked).count(),
                tokens: tokens(&mut members.iter().map(|&l| &lessons[l])),
                step_tokens: tokens(&mut lessons.iter()),
                mini_batches: batches,
            };
            let loss = |shard: ShardTokens<'_>| {
                let mut sums = LossSums::<f64>::default();
                let mut gradient: Vec<f64> = Vec::with_capacity(shard.logp.len());
                let mut logp = shard.logp.iter().map(|&logp| f64::from(logp));
                for &member in shard.members {
                    let lesson = &lessons[members[member]];
                    let logp: Vec<f64> = logp.by_ref().take(lesson.old.len()).collect();
                    if lesson.masked {
                        gradient.extend(vec![0.0; logp.len()]);
                        continue;
                    }
                    let tokens = SampledTokens {
                        logp: &logp,
                        old: &lesson.old,
                        reference: &lesson.reference,
                        sampler: &lesson.sampler,
                        advantage: lesson.advantage,
                    };
                    policy_loss(&spec, tokens, batch, &mut sums, &mut gradient);
                }
                (
                    sums,
                    gradient.into_iter().map(|slope| slope as f32).collect(),
                )
            };
            let done = (actor.learner()).step(&sequences, config.temperature, rate, &loss)?;
            seen.step.norm = seen.step.norm.max(done.norm);
            for sums in done.logged {
                seen.sums += sums;
            }
        }
    }
    Ok(())
}

/// Running sums of a step.
#[derive(Default)]
struct Seen {
    step: GrpoStep,
    sums: LossSums,
    terms: Vec<(f64, u64)>,
    shares: (Vec<f64>, u64),
    rewards: f64,
    overall: u64,
    all_right: u64,
    units: u64,
    surprise: f64,
    targets: u64,
}

impl Seen {
    /// Scores a group; a sample of which no term has a value gets 0, as a sample without reward does.
    fn score<B: Objective>(&mut self, objective: &B, judged: &[Judged]) -> RewardSheet {
        let sheet = objective.score(&Group { samples: judged });
        for (sample, reward) in judged.iter().zip(&sheet.samples) {
            self.overall += u64::from(sample.overall_right());
            self.all_right += u64::from(right_in(sample) == 4);
            for (sum, term) in self.terms.iter_mut().zip(&reward.terms) {
                if let Some(value) = term.raw.value() {
                    *sum = (sum.0 + value, sum.1 + 1);
                }
            }
        }
        let totals = sheet
            .samples
            .iter()
            .map(|sample| sample.total.unwrap_or(0.0));
        self.rewards += totals.sum::<f64>();
        sheet
    }

    /// Adds up what each term contributed to the advantages learned from.
    fn share(&mut self, groups: &[Advantages]) {
        let (sums, samples) = &mut self.shares;
        sums.resize(self.terms.len(), 0.0);
        for shares in groups.iter().flat_map(|group| &group.shares) {
            sums.iter_mut()
                .zip(shares)
                .for_each(|(sum, share)| *sum += share.abs());
            *samples += 1;
        }
    }

    /// Counts a group; true if it is to be learned from.
    fn sort<B: Objective>(
        &mut self,
        objective: &B,
        judged: &[Judged],
        sheet: &RewardSheet,
        wanted: u64,
    ) -> bool {
        let resample = objective.resample();
        let rewards: Vec<f64> = sheet
            .samples
            .iter()
            .map(|sample| sample.total.unwrap_or(0.0))
            .collect();
        // A group teaches where its rewards differ; by how much does not matter here.
        let differ = AdvantageSpec::group(Center::Mean, Scale::None, 0.0);
        let differences = advantages(&rewards, &rewards, &differ);
        let groups = &mut self.step.groups;
        groups.sampled += 1;
        let row = if resample.all_correct && judged.iter().all(|sample| right_in(sample) == 4) {
            &mut groups.all_correct
        } else if resample.all_wrong && judged.iter().all(|sample| right_in(sample) == 0) {
            &mut groups.all_wrong
        } else if differences.iter().all(|difference| *difference == 0.0) {
            &mut groups.equal
        } else if groups.learned == wanted {
            &mut groups.surplus
        } else {
            groups.learned += 1;
            return true;
        };
        *row += 1;
        false
    }

    fn finish(mut self) -> GrpoStep {
        let samples = self.step.ledger.asked.max(1) as f64;
        let tokens = self.sums.tokens.max(1.0);
        self.step.overall = self.overall as f64 / samples;
        self.step.all_right = self.all_right as f64 / samples;
        self.step.reward = self.rewards / samples;
        self.step.terms = self
            .terms
            .iter()
            .map(|(sum, n)| sum / (*n).max(1) as f64)
            .collect();
        let (sums, learned) = &self.shares;
        self.step.shares = sums
            .iter()
            .map(|sum| sum / (*learned).max(1) as f64)
            .collect();
        self.step.calls = self.step.ledger.calls as f64 / samples;
        self.step.callers = self.step.ledger.callers as f64 / samples;
        self.step.unit_tokens = self.step.ledger.tokens as f64 / self.units.max(1) as f64;
        self.step.entropy = self.surprise / self.targets.max(1) as f64;
        self.step.kl = self.sums.kl / tokens;
        self.step.clipped = self.sums.clipped / tokens;
        self.step.drift = self.sums.drift / tokens;
        self.step
    }
}

/// How many of the four preferences are right.
fn right_in(sample: &Judged) -> usize {
    sample.answer.map_or(0, |answer| {
        let dimensions = Dimension::ALL.into_iter();
        let right = dimensions
            .filter(|&d| answer.verdict.get(d) == sample.truth.get(d))
            .count();
        right + usize::from(answer.verdict.overall == sample.truth.overall)
    })
}
