//! In: a preference file and a folder of videos. Out: the pairs that can teach, and a count of the others.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use serde::Serialize;
use vrt_core::pair::{PairKey, Pool, PreferencePair, Verdict};
use vrt_core::rng::{self, Purpose};
use vrt_train::atomic::FileError;

use super::tables::DataTable;
use crate::data::{DataSet, TableError};
use crate::eval::table::{printable, unusable};
use crate::eval::{Case, DataFile, Depth, Show, Sides, Stage, Survey, UnusablePair, cases};
use crate::video::{Info, Limits};

/// How unusable pairs are mended.
const CURE: &str = "mend `data`, or leave them out with `data.skip_unusable = true`";

/// What became of the rows of a file; they sum to `rows`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PairLedger {
    /// Rows of the file that were looked at.
    pub rows: usize,
    /// Pairs that can teach.
    pub pairs: usize,
    /// Rows that cannot be judged, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Pairs without a label in some dimension, or overall.
    pub unlabelled: usize,
    /// Pairs that cannot be used: their videos, or for the model.
    pub unusable: usize,
}

/// No pair can be had.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// The file.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The file, when it is read for its digest.
    #[error(transparent)]
    File(#[from] FileError),
    /// The videos are not where they should be.
    #[error(
        "`{0}` is no folder; `data.videos` names the one that the paths in the file start from"
    )]
    NoFolder(String),
    /// Pairs that cannot be used: their videos, or for the model.
    #[error("{}", unusable(.0, "cannot be used", CURE))]
    Unusable(Vec<UnusablePair>),
    /// Nothing is left.
    #[error(
        "`{file}` has no pair to learn from: of {} rows {} have no label in some dimension or overall, and {} were dropped ({}); \
         GenAI-Bench and Rapidata lack dimensions or the overall label", ledger.rows, ledger.unlabelled,
        ledger.dropped.values().sum::<usize>(), reasons(ledger)
    )]
    Nothing {
        /// The file.
        file: String,
        /// What became of its rows.
        ledger: PairLedger,
    },
}

fn reasons(ledger: &PairLedger) -> String {
    let reasons = ledger
        .dropped
        .iter()
        .map(|(reason, rows)| format!("{rows} × {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    if reasons.is_empty() {
        "none".to_owned()
    } else {
        printable(&reasons)
    }
}

/// Whether a model can be asked about a caption and videos of so many frames; why not.
pub type Fit<'a> = dyn Fn(&str, Pool) -> Result<(), String> + 'a;

/// The pairs of a run.
pub struct Pairs {
    /// The file.
    pub file: DataFile,
    /// What became of its rows.
    pub ledger: PairLedger,
    cases: Vec<Case>,
    truths: Vec<Verdict>,
    places: BTreeMap<PairKey, usize>,
    stage: Stage,
}

impl Pairs {
    /// Reads the file and looks at each video. A pair whose caption and videos do not `fit` the model cannot be used.
    ///
    /// # Errors
    /// [`PairsError`].
    pub fn load(
        table: &DataTable,
        depth: Depth,
        seed: u64,
        threads: usize,
        fit: &Fit<'_>,
    ) -> Result<Self, PairsError> {
        if !table.videos.is_dir() {
            return Err(PairsError::NoFolder(table.videos.display().to_string()));
        }
        let file = DataFile::of(&table.file)?;
        let set = DataSet::load(table.benchmark.benchmark(), &table.file)?;
        let mut ledger = PairLedger {
            dropped: set.drops(),
            ..PairLedger::default()
        };
        let limit = table.limit.map_or(usize::MAX, Into::into);
        let labelled: Vec<_> = set.pairs.into_iter().take(limit).collect();
        ledger.rows = labelled.len() + ledger.dropped.values().sum::<usize>();
        let limits = Limits::default();
        let survey = Survey::of(&labelled, &table.videos, &limits, depth, threads, &|| ());
        let (mut usable, mut refused) = (Vec::new(), Vec::new());
        for pair in labelled {
            let fitting = |[first, second]: [Info; 2]| {
                fit(&pair.caption, Pool::new(first.frames, second.frames))?;
                Ok([first, second])
            };
            let seen = survey.pair(&pair).map_err(ToString::to_string);
            match seen.and_then(fitting) {
                Ok(videos) => usable.push((pair, videos)),
                Err(reason) => refused.push(UnusablePair {
                    row: pair.row,
                    reason,
                }),
            }
        }
        ledger.unusable = refused.len();
        if !refused.is_empty() && !table.skip_unusable {
            return Err(PairsError::Unusable(refused));
        }
        let stage = Stage::new(&table.videos, &limits, seed);
        let mut pairs = Self {
            file,
            ledger,
            cases: Vec::new(),
            truths: Vec::new(),
            places: BTreeMap::new(),
            stage,
        };
        for case in cases(usable, table.swap.then_some(seed)) {
            match pairs.stage.pair(&case, Show::Plain).truth {
                Some(truth) => {
                    pairs.places.insert(case.labelled.key, pairs.cases.len());
                    pairs.truths.push(truth);
                    pairs.cases.push(case);
                }
                None => pairs.ledger.unlabelled += 1,
            }
        }
        pairs.ledger.pairs = pairs.cases.len();
        if pairs.cases.is_empty() {
            return Err(PairsError::Nothing {
                file: table.file.display().to_string(),
                ledger: pairs.ledger,
            });
        }
        Ok(pairs)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is none: never so after loading.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// The cases, for estimates.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The pair as it is shown.
    pub fn pair(&self, at: usize) -> PreferencePair {
        self.stage.pair(&self.cases[at], Show::Plain)
    }

    /// The ground truth of the pair as it is shown.
    pub fn truth(&self, at: usize) -> Verdict {
        self.truths[at]
    }

    /// The pair of this key whose first video has this name, in the order in which a trace shows it.
    pub fn shown(&self, key: PairKey, first: &str) -> Option<Shown> {
        let case = self.places.get(&key).copied()?;
        let videos = &self.cases[case].labelled.videos;
        let sides = match videos.iter().position(|name| name == first)? {
            0 => Sides::AsFiled,
            _ => Sides::Swapped,
        };
        Some(Shown { case, sides })
    }

    /// The pair in this order.
    pub fn in_order(&self, shown: Shown) -> PreferencePair {
        let mut case = self.cases[shown.case].clone();
        case.sides = shown.sides;
        self.stage.pair(&case, Show::Plain)
    }

    /// The pair, in the order in which it is shown to a policy that samples.
    pub fn as_shown(&self, at: usize) -> Shown {
        Shown {
            case: at,
            sides: self.cases[at].sides,
        }
    }

    /// The pair that a running number stands for: each passage through all of them is a fresh shuffle.
    pub fn drawn(&self, number: u64, seed: u64) -> PreferencePair {
        let count = self.cases.len() as u64;
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.shuffle(&mut rng::stream(
            seed,
            Purpose::Shuffle,
            number / count,
            1,
            0,
        ));
        self.pair(order[(number % count) as usize])
    }
}

/// A pair in one of its two orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which pair.
    pub case: usize,
    /// The order.
    pub sides: Sides,
}

impl Shown {
    /// Another one for each of the two orders.
    pub fn key(self) -> PairKey {
        let swapped = u64::from(self.sides == Sides::Swapped);
        PairKey(2 * self.case as u64 + swapped)
    }
}
