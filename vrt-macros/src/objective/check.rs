//! In: the sections of an objective. Out: the objective, if its sections agree with one another.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Path, Visibility};

use super::parse::{Outline, Tie};
use super::require::Require;
use super::sections::{Loss, Sections, named};
use crate::diagnostics::{Errors, meant};
use crate::{docs, number};

/// An objective that can be emitted.
pub struct Objective<'a> {
    /// Docs.
    pub attrs: Vec<&'a Attribute>,
    /// Who may use it.
    pub vis: &'a Visibility,
    /// The struct's name.
    pub name: &'a Ident,
    /// The summed terms.
    pub terms: Vec<Term>,
    /// The named weights.
    pub weights: Vec<Weight>,
    /// The tied parameters.
    pub ties: Vec<Tie>,
    /// An `AdvantageSpec`, and where its section stands.
    pub advantage: (TokenStream, Span),
    /// The parts of the loss.
    pub loss: Loss,
    /// A `Resample`.
    pub groups: TokenStream,
    /// The requirements with the place where they stand.
    pub requires: Vec<(Require, TokenStream)>,
}

/// One summed term.
pub struct Term {
    /// The term's type.
    pub path: Path,
    /// The field that holds its parameters.
    pub field: Ident,
    /// What it is multiplied by.
    pub factor: Factor,
}

/// What a term is multiplied by.
pub enum Factor {
    /// A fixed number.
    Number(f64),
    /// A named weight.
    Named(Ident),
}

/// A named weight.
pub struct Weight {
    /// The field that holds it.
    pub name: Ident,
    /// Its value where nothing overrides it.
    pub default: f64,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// The fields that every objective has beside its terms and weights.
const RESERVED: [&str; 9] = [
    "advantage",
    "ratio",
    "surrogate",
    "kl",
    "reduce",
    "empty",
    "correction",
    "truncated",
    "groups",
];

/// Compares the sections with one another.
pub fn objective<'a>(
    outline: &'a Outline,
    sections: Sections,
    errors: &mut Errors,
) -> Option<Objective<'a>> {
    let name = &outline.name;
    if docs::text(&outline.attrs).is_none() {
        errors.on(
            name,
            format!("objective `{name}` needs a doc comment: a reader has to know what it is for; write `/// …` over its name"),
        );
    }
    for attr in outline.attrs.iter().filter(|attr| !docs::is_doc(attr)) {
        errors.on(attr, "only a doc comment may stand over an objective");
    }
    let weights = weights(&sections, errors);
    let terms = terms(&sections, errors);
    for weight in &sections.weights {
        let used = sections
            .reward
            .iter()
            .any(|summand| summand.weight.as_ref().and_then(named) == Some(&weight.name));
        if !used && !sections.reward.is_empty() {
            errors.on(
                &weight.name,
                format!(
                    "weight `{0}` weighs nothing: write `{0} * term` in `reward`, or remove it",
                    weight.name
                ),
            );
        }
    }
    names_in_requires(&sections, &terms, errors);
    ties(&sections, &terms, errors);
    Some(Objective {
        attrs: outline.attrs.iter().collect(),
        vis: &outline.vis,
        name,
        terms,
        weights,
        ties: sections.ties,
        advantage: sections.advantage?,
        loss: sections.loss?,
        groups: sections.groups?,
        requires: sections.requires,
    })
}

fn weights(sections: &Sections, errors: &mut Errors) -> Vec<Weight> {
    let mut weights: Vec<Weight> = Vec::new();
    for weight in &sections.weights {
        let name = &weight.name;
        if weights.iter().any(|earlier| earlier.name == *name) {
            errors.on(
                name,
                format!("weight `{name}` is already declared; keep one"),
            );
            continue;
        }
        if RESERVED.iter().any(|reserved| name == reserved) {
            errors.on(
                name,
                format!("`{name}` is a section of every objective; give the weight another name"),
            );
        }
        let default = number::literal(&weight.default);
        let range = number::range(&weight.range);
        match (default, range) {
            (Ok(default), Ok(range)) => {
                if !(range.low..=range.high).contains(&default) {
                    errors.on(
                        &weight.default,
                        format!(
                            "the default of weight `{name}` lies outside its range {} to {}; move one of the two",
                            range.low, range.high
                        ),
                    );
                }
                weights.push(Weight {
                    name: name.clone(),
                    default,
                    low: range.low,
                    high: range.high,
                });
            }
            (default, range) => {
                default
                    .err()
                    .into_iter()
                    .for_each(|error| errors.push(error));
                range.err().into_iter().for_each(|error| errors.push(error));
            }
        }
    }
    weights
}

fn terms(sections: &Sections, errors: &mut Errors) -> Vec<Term> {
    let declared: Vec<String> = sections
        .weights
        .iter()
        .map(|weight| weight.name.to_string())
        .collect();
    let mut terms: Vec<Term> = Vec::new();
    for summand in &sections.reward {
        let Some(last) = summand.term.segments.last() else {
            continue;
        };
        let field = last.ident.clone();
        let text = field.to_string();
        if terms.iter().any(|earlier| earlier.field == field) {
            errors.on(
                &summand.term,
                format!("`{text}` is already summed; add its weights instead of listing it twice"),
            );
            continue;
        }
        if RESERVED.contains(&text.as_str()) || declared.contains(&text) {
            errors.on(
                &summand.term,
                format!("`{text}` already names something else in this objective; give one of the two another name"),
            );
        }
        let factor = match &summand.weight {
            None => Factor::Number(1.0),
            Some(weight) => match named(weight) {
                Some(name) => {
                    if !declared.iter().any(|known| name == known) {
                        let hint = if declared.is_empty() {
                            format!("add the section `weight {name} = 0.5 in 0.0..=1.0;`")
                        } else {
                            meant(&name.to_string(), declared.iter().map(String::as_str))
                        };
                        errors.on(name, format!("weight `{name}` is not declared; {hint}"));
                    }
                    Factor::Named(name.clone())
                }
                None => match number::literal(weight) {
                    Ok(0.0) => {
                        errors.on(
                            weight,
                            format!("with the weight 0 `{text}` can never fire; remove the term, or name the weight so that a file may change it"),
                        );
                        Factor::Number(0.0)
                    }
                    Ok(value) => Factor::Number(value),
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                },
            },
        };
        terms.push(Term {
            path: summand.term.clone(),
            field,
            factor,
        });
    }
    terms
}

fn names_in_requires(sections: &Sections, terms: &[Term], errors: &mut Errors) {
    if terms.is_empty() {
        return;
    }
    let known: Vec<String> = terms
        .iter()
        .map(|term| term.field.to_string())
        .chain(
            sections
                .weights
                .iter()
                .map(|weight| weight.name.to_string()),
        )
        .collect();
    for (require, _) in &sections.requires {
        for name in [require.left.names(), require.right.names()].concat() {
            if !known.iter().any(|word| name == word) {
                let hint = meant(&name.to_string(), known.iter().map(String::as_str));
                errors.on(
                    name,
                    format!("`{name}` is neither a term nor a weight of this objective; {hint}"),
                );
            }
        }
    }
}

fn ties(sections: &Sections, terms: &[Term], errors: &mut Errors) {
    if terms.is_empty() {
        return;
    }
    let known: Vec<String> = terms.iter().map(|term| term.field.to_string()).collect();
    for (i, tie) in sections.ties.iter().enumerate() {
        for (term, _) in [&tie.follower, &tie.leader] {
            if !known.iter().any(|word| term == word) {
                let hint = meant(&term.to_string(), known.iter().map(String::as_str));
                errors.on(
                    term,
                    format!("`{term}` is not a term of this objective; {hint}"),
                );
            }
        }
        let follows_twice = sections.ties[..i]
            .iter()
            .any(|earlier| earlier.follower == tie.follower);
        // A chain would make the result depend on the order of the lines.
        let follows_itself = sections
            .ties
            .iter()
            .any(|other| other.leader == tie.follower);
        if follows_twice || follows_itself {
            errors.on(
                &tie.follower.1,
                format!(
                    "`{}.{}` already takes part in another `tie`; tie each parameter to one that is free",
                    tie.follower.0, tie.follower.1
                ),
            );
        }
    }
}
