//! The language in which visual operations, reward terms and objectives are declared.
//!
//! `vrt_core` re-exports these macros; generated code names `::vrt_core` alone.
//!
//! `VRT_MACROS_DEBUG=name` prints what the declaration of that name stands for, `all` what every one does, while the
//! crate that holds it is compiled; `touch` its source first, because cargo does not compile what has not changed.

use proc_macro::TokenStream;

mod debug;
mod diagnostics;
mod docs;
#[cfg(test)]
mod expansions;
mod function;
mod number;
mod objective;
mod ops;
mod reward_term;
mod visual_op;

/// Declares a visual operation: one function is the only source of its name, bounds, schema, prompt
/// line, error text and grammar.
///
/// | part | type | use |
/// |---|---|---|
/// | doc comment | text | the description that the model reads; required |
/// | first parameter | `&mut Workspace<'_>` | all frames of both videos, and the limits |
/// | every other parameter | `vrt_core::op::OpArg` | one named argument of the call |
/// | its doc comment | text | the argument's description in the schema; required |
/// | `#[arg(len = 1..=8)]` | whole numbers | length of a list or a text; required there |
/// | `#[arg(range = 0.0..=1.0)]` | numbers | bounds of a number, or of each number of a list |
/// | `1..=frames_a_call` | a bound | the upper end is the workspace's, not a literal |
/// | `#[arg(distinct)]` | flag | a list may hold a value only once |
/// | result | `OpResult` | the evidence, or an error that tells the model what to mend |
/// | `#[visual_op(cost = …)]` | `u32` over the parameters | the most visual tokens that a call can bring; optional |
///
/// The function stays callable. Beside it stand a type of the same name that implements
/// `vrt_core::op::VisualOp`, and `NameArgs`, the typed arguments of one call.
#[proc_macro_attribute]
pub fn visual_op(attr: TokenStream, item: TokenStream) -> TokenStream {
    debug::shown(visual_op::expand(attr.into(), item.into())).into()
}

/// Declares a set of operations that are offered together: one enum of typed calls.
///
/// ```text
/// ops! {
///     /// The paper's tools.
///     pub PaperOps = [select_frames];
/// }
/// ```
///
/// The list is part of an experiment's identity; there is no registry. `[]` is a set without tools.
#[proc_macro]
pub fn ops(input: TokenStream) -> TokenStream {
    debug::shown(ops::expand(input.into())).into()
}

/// Declares a reward term.
///
/// | part | type | use |
/// |---|---|---|
/// | doc comment | text | what is rewarded; required |
/// | `range = low..=high` | numbers and parameters | the values the term may take; required |
/// | first parameter | `&Judged` | the sample |
/// | `&Group<'_>` | optional second parameter | makes the term a group-scope term |
/// | every other parameter | `f64` | a number that an experiment file may override |
/// | its doc comment | text | required |
/// | `#[param(default = 0.5, range = 0.0..=1.0)]` | numbers | required |
/// | result | `Score` | a value, or an abstention with its reason |
///
/// The function stays callable. Beside it stands a struct of the same name that holds the parameters
/// and implements `vrt_core::reward::RewardTerm`.
#[proc_macro_attribute]
pub fn reward_term(attr: TokenStream, item: TokenStream) -> TokenStream {
    debug::shown(reward_term::expand(attr.into(), item.into())).into()
}

/// Declares an objective: which terms are summed, how advantages and the loss follow, and what must hold.
///
/// ```text
/// objective! {
///     /// The paper's objective.
///     pub VrThinker {
///         reward    format + accuracy + cot_gain + eta * exploration;
///         weight    eta = 0.5 in 0.0..=1.0;
///         tie       cot_gain.alpha = accuracy.alpha;
///         advantage group { center: mean, scale: std, eps: 1e-6 };
///         loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
///         groups    resample when all_correct | all_wrong;
///         require   abs(cot_gain) + eta * exploration < accuracy;
///     }
/// }
/// ```
///
/// | section | how often | says |
/// |---|---|---|
/// | `reward` | once | terms with optional weights: a number, or a name that `weight` declares |
/// | `weight` | once a name | its default and range; an experiment file may override it |
/// | `tie` | any | a parameter that always equals another one |
/// | `advantage` | once | `group { center: mean, leave_one_out or none; scale: std, batch_std or none; … }` |
/// | `loss` | once | `clip { low, high }`, `cispo { cap }` or `sapo { positive, negative }`; `kl { estimator, beta }`; `reduce`; … |
/// | `groups` | once | `resample when all_correct \| all_wrong`, or `keep all` |
/// | `require` | any | the most the left side can pay is below the most the right side can pay |
///
/// Every choice, its equation and who makes it stand in `docs/objectives.md`; a combination that makes no sense is a
/// compile error.
///
/// Expands to one struct of typed, overridable numbers that implements `vrt_core::objective::Objective`.
/// Every `require` is checked at the defaults when compiling, and by `validate` when numbers change; `validate_but` waives
/// those that it is given word for word.
#[proc_macro]
pub fn objective(input: TokenStream) -> TokenStream {
    debug::shown(objective::expand(input.into())).into()
}
