//! In: a benchmark's file, its videos, a policy. Out: how well the policy judges it: a report, and traces.
//!
//! `DataSet → Survey → Case → Run → Report`. [`crate::data`] reads the file; a [`Survey`] looks at every video before the
//! first episode; [`cases`] draws the order of the two videos and says which subsets of Tables 2 and 3 a pair belongs to;
//! an [`Evaluation`] runs the episodes through a journal, so that an interrupted run goes on; a [`Report`] scores the
//! answers in the order of the file.

mod case;
mod estimate;
mod progress;
mod report;
mod run;
mod score;
mod setting;
mod shelf;
mod sides;
mod survey;
pub mod table;

pub use case::{Case, Show, Stage, Subset, cases};
pub use estimate::{Estimate, Range};
pub use progress::Progress;
pub use report::{
    Data, DroppedRow, KeyedScore, Provenance, Report, RunReport, Shown, SubsetReport, UnusablePair,
};
pub use run::{Answer, EvalError, Evaluation, Run, Traces};
pub use score::{Change, OverallRule, Score};
pub use setting::{DataFile, Setting, prompt_digest};
pub use sides::Sides;
pub use survey::{Depth, Survey, Unusable};
