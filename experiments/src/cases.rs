//! In: traces of a policy and the truth of their pairs. Out: the cases of Figure 2, chosen by a rule and by nobody.

use std::collections::BTreeSet;

use serde::Serialize;
use vrt_core::pair::{Dimension, FrameIndex, Side};
use vrt_view::TraceRecord;

use crate::spec::{CasesSpec, Kind, Scale};
use crate::world::facts::{PairFacts, Site};

/// All that the figure shows: `result.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Cases {
    /// The experiment's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is shown as.
    pub kind: Kind,
    /// How much was trained.
    pub scale: Scale,
    /// The code that computed it.
    pub revision: String,
    /// The arm whose policy it is.
    pub arm: String,
    /// The rule's numbers.
    pub rule: CasesSpec,
    /// Pairs of which the first frames miss the evidence.
    pub missed: usize,
    /// The cases: right ones, then wrong ones.
    pub cases: Vec<Case>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// One trace.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Its place among the traces, from 0.
    pub place: usize,
    /// Whether the verdict is right in every dimension and overall.
    pub right: bool,
    /// The frames of the pool that show a brief defect.
    pub evidence: BTreeSet<FrameIndex>,
    /// What was shown, written and fetched.
    pub trace: TraceRecord,
}

/// Chooses among traces in their order: those whose first frames miss every brief defect, the first `right` that are
/// right and the first `wrong` whose overall judgment is wrong. Fewer where there are no more.
pub fn choose(
    traces: &[TraceRecord],
    facts: impl Fn(&TraceRecord) -> PairFacts,
    rule: &CasesSpec,
) -> (usize, Vec<Case>) {
    let mut missed = 0;
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (place, trace) in traces.iter().enumerate() {
        let evidence = evidence(&facts(trace));
        let seen = trace.initial.iter().any(|frame| evidence.contains(frame));
        if evidence.is_empty() || seen {
            continue;
        }
        missed += 1;
        let verdict = |judgment: &Option<vrt_view::JudgmentRecord>| judgment.map(|j| j.verdict());
        let (said, truth) = (verdict(&trace.answer), verdict(&trace.truth));
        let (list, most, is_right) = match (said, truth) {
            (Some(said), Some(truth)) if said == truth => (&mut right, rule.right, true),
            (Some(said), Some(truth)) if said.overall == truth.overall => continue,
            _ => (&mut wrong, rule.wrong, false),
        };
        if list.len() < most as usize {
            list.push(Case {
                place,
                right: is_right,
                evidence,
                trace: trace.clone(),
            });
        }
    }
    right.append(&mut wrong);
    (missed, right)
}

/// The frames of the pool that show a brief defect.
pub fn evidence(facts: &PairFacts) -> BTreeSet<FrameIndex> {
    let pool = facts.pool();
    let sites: Vec<(Side, Site)> = [Side::First, Side::Second]
        .into_iter()
        .flat_map(|side| Dimension::ALL.map(|dimension| (side, dimension)))
        .filter_map(|(side, dimension)| Some((side, facts.video(side).site(dimension)?)))
        .filter(|(_, site)| site.real)
        .collect();
    (1..=pool.total())
        .filter_map(FrameIndex::new)
        .filter(|&frame| {
            pool.locate(frame).is_some_and(|(side, offset)| {
                let at = |&(of, site): &(Side, Site)| of == side && site.core(offset.0);
                sites.iter().any(at)
            })
        })
        .collect()
}
