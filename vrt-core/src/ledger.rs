//! In: finished episodes. Out: what became of them, in rows that sum to the samples asked for.

use serde::{Deserialize, Serialize};

use crate::episode::{CallFault, Episode, StopReason};
use crate::op::OpSet;

const STOPS: usize = StopReason::NAMES.len();
const FAULTS: usize = CallFault::NAMES.len();

/// What became of one operation's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpLedger {
    /// The operation.
    pub name: String,
    /// Calls that were carried out.
    pub calls: u64,
    /// Pictures that they brought.
    pub views: u64,
    /// Calls that were not carried out, by kind, in the order of [`CallFault::NAMES`].
    pub faults: [u64; FAULTS],
}

/// How many episodes and calls there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Samples asked for.
    pub asked: u64,
    /// Samples by stop reason, in the order of [`StopReason::NAMES`].
    pub stops: [u64; STOPS],
    /// Calls that were carried out.
    pub calls: u64,
    /// Samples that made at least one call.
    pub callers: u64,
    /// Calls after the first of their unit that the rules passed over.
    pub passed_over: u64,
    /// Faults that were told to the policy or ended an episode, by kind, in the order of [`CallFault::NAMES`].
    pub faults: [u64; FAULTS],
    /// One row an operation of the set; calls that name none stand in `faults` alone.
    pub ops: Vec<OpLedger>,
    /// Tokens of all replies.
    pub tokens: u64,
}

impl Ledger {
    /// An empty ledger with a row for each operation of a set, so that one that is never called has a row as well.
    pub fn of<O: OpSet>() -> Self {
        let row = |name: &&str| OpLedger {
            name: (*name).to_owned(),
            ..OpLedger::default()
        };
        Self {
            ops: O::NAMES.iter().map(row).collect(),
            ..Self::default()
        }
    }

    /// Adds one finished episode.
    pub fn count(&mut self, episode: &Episode) {
        self.asked += 1;
        if let Some(stop) = &episode.stop {
            self.stops[stop.row()] += 1;
        }
        self.calls += u64::from(episode.calls());
        self.callers += u64::from(episode.calls() > 0);
        self.tokens += u64::from(episode.tokens());
        for round in &episode.rounds {
            self.passed_over += u64::from(round.passed_over);
            for call in &round.calls {
                let row = self.op(call.op);
                row.calls += 1;
                row.views += u64::from(call.views);
            }
            if let Some((fault, op)) = &round.fault {
                self.faults[fault.row()] += 1;
                if let Some(op) = op {
                    self.op(op).faults[fault.row()] += 1;
                }
            }
        }
    }

    /// Adds another ledger's rows.
    pub fn add(&mut self, other: &Ledger) {
        self.asked += other.asked;
        add(&mut self.stops, &other.stops);
        self.calls += other.calls;
        self.callers += other.callers;
        self.passed_over += other.passed_over;
        add(&mut self.faults, &other.faults);
        self.tokens += other.tokens;
        for theirs in &other.ops {
            let ours = self.op(&theirs.name);
            ours.calls += theirs.calls;
            ours.views += theirs.views;
            add(&mut ours.faults, &theirs.faults);
        }
    }

    /// Whether every sample is accounted for, and every call.
    pub fn balances(&self) -> bool {
        self.stops.iter().sum::<u64>() == self.asked
            && self.ops.iter().map(|op| op.calls).sum::<u64>() == self.calls
    }

    /// Samples that stopped for the reason of this name; 0 for a name that is none.
    pub fn stopped(&self, name: &str) -> u64 {
        let row = StopReason::NAMES.iter().position(|known| *known == name);
        row.map_or(0, |row| self.stops[row])
    }

    /// The row of an operation, made where there is none.
    fn op(&mut self, name: &str) -> &mut OpLedger {
        let row = match self.ops.iter().position(|op| op.name == name) {
            Some(row) => row,
            None => {
                self.ops.push(OpLedger {
                    name: name.to_owned(),
                    ..OpLedger::default()
                });
                self.ops.len() - 1
            }
        };
        &mut self.ops[row]
    }
}

fn add(sums: &mut [u64], more: &[u64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}
