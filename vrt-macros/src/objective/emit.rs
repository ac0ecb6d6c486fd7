//! In: a checked objective. Out: its struct, its defaults, its checks, and its `Objective` impl.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::check::{Factor, Objective, Term};
use super::parse::Outline;
use super::sections::Loss;

/// Emits an objective.
pub fn objective(objective: &Objective<'_>) -> TokenStream {
    let declared = declared(objective);
    let inherent = inherent(objective);
    let behaviour = behaviour(objective);
    let checks = checks(objective);
    quote!(#declared #inherent #behaviour #checks)
}

/// The struct and its defaults.
fn declared(objective: &Objective<'_>) -> TokenStream {
    let Objective {
        attrs,
        vis,
        name,
        terms,
        weights,
        advantage,
        loss,
        groups,
        ..
    } = objective;
    let fields: Vec<&Ident> = terms.iter().map(|term| &term.field).collect();
    let types = terms.iter().map(|term| &term.path);
    let defaults = terms.iter().map(|term| of_term(term, quote!(DEFAULT)));
    let term_docs = terms
        .iter()
        .map(|term| format!("The parameters of the term `{}`.", term.field));
    let weight_names: Vec<&Ident> = weights.iter().map(|weight| &weight.name).collect();
    let weight_defaults = weights.iter().map(|weight| weight.default);
    let weight_docs = weights.iter().map(|weight| {
        let weighed: Vec<String> = terms
            .iter()
            .filter(|term| matches!(&term.factor, Factor::Named(named) if *named == weight.name))
            .map(|term| format!("`{}`", term.field))
            .collect();
        let (low, high) = (weight.low, weight.high);
        format!(
            "The weight of {}, from {low} to {high}.",
            weighed.join(" and ")
        )
    });
    let from = |part: &str| format!("{name}::{part}_over_declared");
    let (from_advantage, from_surrogate) = (from("advantage"), from("surrogate"));
    let advantage = &advantage.0;
    let (from_kl, from_groups) = (from("kl"), from("groups"));
    let Loss {
        ratio,
        surrogate,
        kl,
        reduce,
        empty,
        correction,
        truncated,
        ..
    } = loss;
    quote! {
        #(#attrs)*
        #[derive(
            Clone,
            Debug,
            PartialEq,
            ::vrt_core::__private::serde::Serialize,
            ::vrt_core::__private::serde::Deserialize,
        )]
        #[serde(crate = "::vrt_core::__private::serde", default, deny_unknown_fields)]
        #vis struct #name {
            #(
                #[doc = #term_docs]
                pub #fields: #types,
            )*
            #(
                #[doc = #weight_docs]
                pub #weight_names: f64,
            )*
            /// How rewards become advantages.
            #[serde(deserialize_with = #from_advantage)]
            pub advantage: ::vrt_core::objective::AdvantageSpec,
            /// Of what the ratio is taken.
            pub ratio: ::vrt_core::objective::Ratio,
            /// How far a ratio may carry the gradient.
            #[serde(deserialize_with = #from_surrogate)]
            pub surrogate: ::vrt_core::objective::Surrogate,
            /// The distance from the reference policy.
            #[serde(deserialize_with = #from_kl)]
            pub kl: ::vrt_core::objective::KlSpec,
            /// From tokens to one number.
            pub reduce: ::vrt_core::objective::Reduce,
            /// Samples without a learned token.
            pub empty: ::vrt_core::objective::Empty,
            /// Cap of the truncated importance correction, if there is one.
            pub correction: ::core::option::Option<f64>,
            /// Episodes that were cut off.
            pub truncated: ::vrt_core::objective::Truncated,
            /// Which groups are drawn again.
            #[serde(deserialize_with = #from_groups)]
            pub groups: ::vrt_core::objective::Resample,
        }

        impl #name {
            /// Every number as it was declared.
            pub const DECLARED: Self = Self {
                #(#fields: #defaults,)*
                #(#weight_names: #weight_defaults,)*
                advantage: #advantage,
                ratio: #ratio,
                surrogate: #surrogate,
                kl: #kl,
                reduce: #reduce,
                empty: #empty,
                correction: #correction,
                truncated: #truncated,
                groups: #groups,
            };
        }

        impl ::core::default::Default for #name {
            fn default() -> Self {
                Self::DECLARED
            }
        }
    }
}

/// What serde and the trait's methods call.
fn inherent(objective: &Objective<'_>) -> TokenStream {
    let name = objective.name;
    let parts = [
        ("advantage", "AdvantageSpec", "AdvantageOverride"),
        ("kl", "KlSpec", "KlOverride"),
        ("groups", "Resample", "ResampleOverride"),
    ];
    let readers = parts.map(|(field, spec, stated)| {
        let function = format_ident!("{field}_over_declared");
        let (field, spec) = (format_ident!("{field}"), format_ident!("{spec}"));
        let stated = format_ident!("{stated}");
        quote! {
            fn #function<'de, D: ::vrt_core::__private::serde::Deserializer<'de>>(
                from: D,
            ) -> ::core::result::Result<::vrt_core::objective::#spec, D::Error> {
                let stated: ::vrt_core::objective::#stated =
                    ::vrt_core::__private::serde::Deserialize::deserialize(from)?;
                ::core::result::Result::Ok(stated.over(Self::DECLARED.#field))
            }
        }
    });
    let assignments = objective.ties.iter().map(|tie| {
        let ((a, b), (c, d)) = (&tie.follower, &tie.leader);
        quote!(tied.#a.#b = tied.#c.#d;)
    });
    quote! {
        #[allow(unused_mut)]
        impl #name {
            /// The same numbers with every tied parameter set to the one it follows.
            fn tied(&self) -> Self {
                let mut tied = ::core::clone::Clone::clone(self);
                #(#assignments)*
                tied
            }

            #(#readers)*

            fn surrogate_over_declared<'de, D: ::vrt_core::__private::serde::Deserializer<'de>>(
                from: D,
            ) -> ::core::result::Result<::vrt_core::objective::Surrogate, D::Error> {
                let stated: ::vrt_core::objective::SurrogateOverride =
                    ::vrt_core::__private::serde::Deserialize::deserialize(from)?;
                stated
                    .over(Self::DECLARED.surrogate)
                    .map_err(::vrt_core::__private::serde::de::Error::custom)
            }

            const fn loss_of(&self) -> ::vrt_core::objective::LossSpec {
                ::vrt_core::objective::LossSpec {
                    ratio: self.ratio,
                    surrogate: self.surrogate,
                    kl: self.kl,
                    reduce: self.reduce,
                    empty: self.empty,
                    correction: self.correction,
                    truncated: self.truncated,
                }
            }
        }
    }
}

/// The `Objective` impl.
fn behaviour(objective: &Objective<'_>) -> TokenStream {
    let Objective {
        name,
        terms,
        weights,
        ties,
        requires,
        doc,
        ..
    } = objective;
    let text = name.to_string();
    let names: Vec<TokenStream> = terms.iter().map(term_name).collect();
    let factors = terms.iter().map(|term| factor(term, &quote!(tied)));
    let scores = terms
        .iter()
        .map(|term| asked(term, "score", &quote!(, ep, group)));
    let validations = terms.iter().map(|term| asked(term, "validate", &quote!()));
    let weight_checks = weights.iter().map(|weight| {
        let (field, low, high) = (&weight.name, weight.low, weight.high);
        let place = field.to_string();
        quote! {
            if !(#low..=#high).contains(&tied.#field) {
                return ::core::result::Result::Err(::vrt_core::objective::ObjectiveError::Number {
                    objective: #text,
                    place: #place,
                    value: tied.#field,
                    range: ::vrt_core::reward::Interval::new(#low, #high),
                });
            }
        }
    });
    let tie_checks = ties.iter().map(|tie| {
        let ((a, b), (c, d)) = (&tie.follower, &tie.leader);
        let (follower, leader) = (format!("{a}.{b}"), format!("{c}.{d}"));
        quote! {
            if self.#a.#b != Self::DECLARED.#a.#b && self.#a.#b != self.#c.#d {
                return ::core::result::Result::Err(::vrt_core::objective::ObjectiveError::Tied {
                    objective: #text,
                    follower: #follower,
                    leader: #leader,
                });
            }
        }
    });
    let require_checks = requires.iter().map(|(require, _)| {
        let leaf = |name: &Ident| match terms.iter().find(|term| term.field == *name) {
            Some(term) => asked(term, "interval", &quote!()),
            None => quote!(::vrt_core::reward::Interval::point(tied.#name)),
        };
        let (left, right) = (require.left.interval(&leaf), require.right.interval(&leaf));
        let (line, words) = (require.to_string(), require.words());
        let broken = broken(require.or_equal);
        quote! {{
            let (left, right) = (#left.high, #right.high);
            ::vrt_core::objective::Requirement {
                line: #line,
                words: #words,
                left,
                right,
                broken: #broken,
            }
        }}
    });
    let lines = requires.iter().map(|(require, _)| require.to_string());
    quote! {
        impl ::vrt_core::objective::Objective for #name {
            const NAME: &'static str = #text;
            const DOC: &'static str = #doc;
            const TERMS: &'static [&'static str] = &[#(#names),*];
            const REQUIRES: &'static [&'static str] = &[#(#lines),*];

            fn score(
                &self,
                group: &::vrt_core::reward::Group<'_>,
            ) -> ::vrt_core::reward::RewardSheet {
                let tied = self.tied();
                let samples = group
                    .samples
                    .iter()
                    .map(|ep| {
                        ::vrt_core::reward::SampleReward::new(::std::vec![
                            #(::vrt_core::reward::TermReward::new(#names, #scores, #factors),)*
                        ])
                    })
                    .collect();
                ::vrt_core::reward::RewardSheet {
                    terms: <Self as ::vrt_core::objective::Objective>::TERMS,
                    samples,
                }
            }

            fn advantage(&self) -> ::vrt_core::objective::AdvantageSpec {
                self.advantage
            }

            fn loss(&self) -> ::vrt_core::objective::LossSpec {
                Self::loss_of(self)
            }

            fn resample(&self) -> ::vrt_core::objective::Resample {
                self.groups
            }

            fn validate_but(
                &self,
                waived: &[&str],
            ) -> ::core::result::Result<(), ::vrt_core::objective::ObjectiveError> {
                #(#tie_checks)*
                let tied = self.tied();
                #(
                    if let ::core::result::Result::Err(error) =
                        #validations
                    {
                        return ::core::result::Result::Err(
                            ::vrt_core::objective::ObjectiveError::Param {
                                objective: #text,
                                term: #names,
                                error,
                            },
                        );
                    }
                )*
                #(#weight_checks)*
                self.advantage.validate(#text)?;
                ::vrt_core::objective::Objective::loss(self).validate(#text)?;
                ::vrt_core::objective::Requirement::check(#text, &[#(#require_checks),*], waived)
            }
        }
    }
}

/// What must hold at the declared numbers, when compiling.
fn checks(objective: &Objective<'_>) -> TokenStream {
    let name = objective.name;
    let declared = quote!(DECLARED);
    let firing = objective.terms.iter().map(|term| {
        let interval = of_term(term, quote!(RANGE));
        let factor = factor(term, &declared);
        let message = format!(
            "`{0}` can never fire: at the declared numbers it pays 0 whatever happens; change its \
             weight or a parameter's default, or remove it",
            term.field
        );
        quote_spanned! {term.path.span()=>
            assert!(
                !#interval.times(::vrt_core::reward::Interval::point(#factor)).is_zero(),
                #message,
            );
        }
    });
    let requires = objective.requires.iter().map(|(require, tokens)| {
        let leaf = |name: &Ident| match objective.terms.iter().find(|term| term.field == *name) {
            Some(term) => of_term(term, quote!(RANGE)),
            None => quote!(::vrt_core::reward::Interval::point(DECLARED.#name)),
        };
        let (left, right) = (require.left.interval(&leaf), require.right.interval(&leaf));
        let words = require.words();
        let broken = broken(require.or_equal);
        let assertion = assertion(tokens, quote!(!(#broken), #words));
        quote! {
            {
                let (left, right) = (#left.high, #right.high);
                #assertion;
            }
        }
    });
    let in_advantage = quote_spanned! {objective.advantage.1=>
        if let ::core::option::Option::Some(words) = DECLARED.advantage.clash() {
            ::core::panic!("{}", words)
        }
    };
    let in_loss = quote_spanned! {objective.loss.span=>
        if let ::core::option::Option::Some(words) = DECLARED.loss_of().clash() {
            ::core::panic!("{}", words)
        }
    };
    quote! {
        const _: () = {
            const DECLARED: #name = #name::DECLARED;
            #(#firing)*
            #(#requires)*
            #in_advantage
            #in_loss
        };
    }
}

/// Whether a requirement is broken; also where a side is not a number.
fn broken(or_equal: bool) -> TokenStream {
    let beyond = if or_equal {
        quote!(left > right)
    } else {
        quote!(left >= right)
    };
    quote!(#beyond || left.is_nan() || right.is_nan())
}

fn factor(term: &Term, from: &TokenStream) -> TokenStream {
    match &term.factor {
        Factor::Number(value) => quote!(#value),
        Factor::Named(name) => quote!(#from.#name),
    }
}

fn term_name(term: &Term) -> TokenStream {
    of_term(term, quote!(NAME))
}

/// A constant of a term. Every token stands at the term, so that all misuse of it is one error.
fn of_term(term: &Term, constant: TokenStream) -> TokenStream {
    let path = &term.path;
    quote_spanned!(place(term)=> <#path as ::vrt_core::reward::RewardTerm>::#constant)
}

/// A call of a term's method with its parameters in `tied`.
fn asked(term: &Term, method: &str, arguments: &TokenStream) -> TokenStream {
    let (path, field) = (&term.path, &term.field);
    let method = format_ident!("{method}", span = place(term));
    quote_spanned! {place(term)=>
        <#path as ::vrt_core::reward::RewardTerm>::#method(&tied.#field #arguments)
    }
}

/// Where the term was written, with the names of the expansion.
fn place(term: &Term) -> Span {
    term.path.span().resolved_at(Span::call_site())
}

/// `assert!(…)` from the first of these tokens to the last: the compiler underlines all of a macro's call, and joining
/// spans is not stable.
fn assertion(tokens: &TokenStream, arguments: TokenStream) -> TokenStream {
    let mut spans = tokens.clone().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(last);
    let name = Ident::new("assert", first);
    quote!(#name! #arguments)
}

/// Stands in for a refused objective, so that code that uses it reports nothing further.
pub fn fallback(outline: &Outline) -> TokenStream {
    let Outline { vis, name, .. } = outline;
    quote! {
        #[derive(
            Clone,
            Debug,
            Default,
            PartialEq,
            ::vrt_core::__private::serde::Serialize,
            ::vrt_core::__private::serde::Deserialize,
        )]
        #[serde(crate = "::vrt_core::__private::serde")]
        #[allow(dead_code)]
        #vis struct #name {}

        impl ::vrt_core::objective::Objective for #name {
            const NAME: &'static str = "";
            const DOC: &'static str = "";
            const TERMS: &'static [&'static str] = &[];
            const REQUIRES: &'static [&'static str] = &[];

            fn score(
                &self,
                _: &::vrt_core::reward::Group<'_>,
            ) -> ::vrt_core::reward::RewardSheet {
                ::core::unreachable!()
            }

            fn advantage(&self) -> ::vrt_core::objective::AdvantageSpec {
                ::core::unreachable!()
            }

            fn loss(&self) -> ::vrt_core::objective::LossSpec {
                ::core::unreachable!()
            }

            fn resample(&self) -> ::vrt_core::objective::Resample {
                ::core::unreachable!()
            }

            fn validate_but(
                &self,
                _: &[&str],
            ) -> ::core::result::Result<(), ::vrt_core::objective::ObjectiveError> {
                ::core::unreachable!()
            }
        }
    }
}
