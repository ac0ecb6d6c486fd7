//! In: a function under `#[reward_term]`. Out: the function, its parameters as a struct, and its `RewardTerm` impl.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{BinOp, Expr, FnArg, ItemFn, PatType, Token, UnOp};

use crate::diagnostics::{Errors, meant};
use crate::{docs, function, number};

/// A declared term.
struct Term {
    /// The function without our attributes.
    item: ItemFn,
    /// What is rewarded.
    doc: String,
    /// Whether the function asks for the group.
    group: bool,
    /// The numbers that may be overridden.
    params: Vec<Param>,
    /// The range, over numbers and parameters.
    range: Option<(Expr, Expr)>,
}

/// A number that may be overridden.
struct Param {
    name: Ident,
    doc: String,
    default: f64,
    low: f64,
    high: f64,
}

/// What stands in the brackets of the attribute.
struct Head {
    range: Expr,
}

impl Parse for Head {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key: Ident = input.parse()?;
        if key != "range" {
            let hint = meant(&key.to_string(), ["range"]);
            return Err(syn::Error::new(
                key.span(),
                format!("a term declares only its range here; {hint}"),
            ));
        }
        input.parse::<Token![=]>()?;
        let range = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error("a term declares only its range here; remove the rest"));
        }
        Ok(Self { range })
    }
}

/// Expands `#[reward_term]`.
pub fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = syn::Error::new_spanned(
                &item,
                "`#[reward_term]` goes over a function: it takes a sample and gives a score",
            )
            .to_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let term = check(attr, &function, &mut errors);
    if errors.is_empty() {
        return emit(&term);
    }
    let errors = errors.tokens();
    let fallback = fallback(&term.item);
    quote!(#errors #fallback)
}

fn check(attr: TokenStream, function: &ItemFn, errors: &mut Errors) -> Term {
    let name = &function.sig.ident;
    function::check_plain("a reward term", function, errors);
    let doc = docs::text(&function.attrs).unwrap_or_else(|| {
        errors.on(
            name,
            format!(
                "term `{name}` needs a doc comment: a reader of an experiment has to know what is \
                 rewarded; write `/// …` over the function"
            ),
        );
        String::new()
    });
    let why = "a value, or an abstention with its reason";
    function::check_result("a reward term", "Score", why, function, errors);

    let mut inputs = function.sig.inputs.iter().peekable();
    match inputs.next() {
        Some(FnArg::Typed(ep)) if function::refers_to(&ep.ty, "Judged", false) => {}
        Some(other) => errors.on(
            other,
            "the first parameter is `ep: &Judged`: a term scores one sample",
        ),
        None => errors.on(
            name,
            format!("term `{name}` has no sample to score: its first parameter is `ep: &Judged`"),
        ),
    }
    let group = inputs
        .next_if(|input| {
            matches!(input, FnArg::Typed(param) if function::refers_to(&param.ty, "Group", false))
        })
        .is_some();
    let params: Vec<Param> = inputs
        .filter_map(|input| match input {
            FnArg::Typed(param) => check_param(param, errors),
            FnArg::Receiver(_) => None,
        })
        .collect();
    let range = check_range(attr, name, &params, errors);
    Term {
        item: function::stripped(function),
        doc,
        group,
        params,
        range,
    }
}

fn check_param(param: &PatType, errors: &mut Errors) -> Option<Param> {
    if function::refers_to(&param.ty, "Group", false) {
        errors.on(
            &param.ty,
            "the group comes second: write `ep: &Judged, group: &Group<'_>`, then the parameters",
        );
        return None;
    }
    function::check_param_attrs("param", &param.attrs, errors);
    let name = function::param_name(
        param,
        "it is the number's name in an experiment file",
        errors,
    )?;
    if function::last_word(&param.ty).is_none_or(|word| word != "f64") {
        errors.on(
            &param.ty,
            format!("parameter `{name}` is an `f64`: rewards are computed in one precision, whatever the model's"),
        );
    }
    let doc = docs::text(&param.attrs).unwrap_or_else(|| {
        errors.on(
            name,
            format!(
                "parameter `{name}` needs a doc comment: it is what a reader of an experiment file \
                 goes by; write `/// …` before it"
            ),
        );
        String::new()
    });
    let Some(attr) = param
        .attrs
        .iter()
        .find(|attr| attr.path().is_ident("param"))
    else {
        errors.on(
            name,
            format!(
                "parameter `{name}` has no default: an objective has to run without an experiment \
                 file; write `#[param(default = …, range = low..=high)]` before it"
            ),
        );
        return None;
    };

    let mut default: Option<Expr> = None;
    let mut range: Option<Expr> = None;
    let parsed = attr.parse_nested_meta(|meta| {
        let key = meta
            .path
            .get_ident()
            .map_or_else(String::new, Ident::to_string);
        match key.as_str() {
            "default" => default = Some(meta.value()?.parse()?),
            "range" => range = Some(meta.value()?.parse()?),
            other => {
                let hint = meant(other, ["default", "range"]);
                errors.on(
                    &meta.path,
                    format!("`{other}` says nothing about a parameter; {hint}"),
                );
                if meta.input.peek(Token![=]) {
                    meta.value()?.parse::<Expr>()?;
                }
            }
        }
        Ok(())
    });
    if let Err(error) = parsed {
        errors.push(error);
        return None;
    }
    for (found, key) in [(&default, "default"), (&range, "range")] {
        if found.is_none() {
            errors.on(
                attr,
                format!("parameter `{name}` has no `{key}`: write `#[param(default = …, range = low..=high)]`"),
            );
        }
    }
    let (default_expr, range_expr) = (default?, range?);
    let default = number::literal(&default_expr);
    let range = number::range(&range_expr);
    let (default, range) = match (default, range) {
        (Ok(default), Ok(range)) => (default, range),
        (default, range) => {
            default
                .err()
                .into_iter()
                .for_each(|error| errors.push(error));
            range.err().into_iter().for_each(|error| errors.push(error));
            return None;
        }
    };
    if !(range.low..=range.high).contains(&default) {
        errors.on(
            &default_expr,
            format!(
                "the default of `{name}` lies outside its range {} to {}: the term would refuse itself; \
                 move one of the two",
                range.low, range.high
            ),
        );
    }
    Some(Param {
        name: name.clone(),
        doc,
        default,
        low: range.low,
        high: range.high,
    })
}

fn check_range(
    attr: TokenStream,
    name: &Ident,
    params: &[Param],
    errors: &mut Errors,
) -> Option<(Expr, Expr)> {
    if attr.is_empty() {
        errors.on(
            name,
            format!(
                "term `{name}` declares no range, so no objective can tell whether it outweighs the \
                 truth: write `#[reward_term(range = low..=high)]`"
            ),
        );
        return None;
    }
    let head = match syn::parse2::<Head>(attr) {
        Ok(head) => head,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let (low, high) = match number::ends(&head.range) {
        Ok(ends) => ends,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let (at_low, at_high) = (value(low, params, errors), value(high, params, errors));
    if let (Some(a), Some(b)) = (at_low, at_high) {
        if a > b {
            errors.on(
                &head.range,
                format!("at the defaults this range runs from {a} down to {b}; swap its ends"),
            );
        } else if a == 0.0 && b == 0.0 {
            errors.on(
                &head.range,
                format!("at the defaults this range holds only 0, so `{name}` can never fire; widen it or change a default"),
            );
        }
    }
    Some((low.clone(), high.clone()))
}

/// The value of a range's end at the defaults.
fn value(expr: &Expr, params: &[Param], errors: &mut Errors) -> Option<f64> {
    match expr {
        Expr::Lit(_) => match number::literal(expr) {
            Ok(value) => Some(value),
            Err(error) => {
                errors.push(error);
                None
            }
        },
        Expr::Paren(inner) => value(&inner.expr, params, errors),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            value(&unary.expr, params, errors).map(|value| -value)
        }
        Expr::Binary(binary) => {
            let left = value(&binary.left, params, errors);
            let right = value(&binary.right, params, errors);
            let (left, right) = (left?, right?);
            match binary.op {
                BinOp::Add(_) => Some(left + right),
                BinOp::Sub(_) => Some(left - right),
                BinOp::Mul(_) => Some(left * right),
                BinOp::Div(_) => Some(left / right),
                _ => {
                    errors.on(
                        &binary.op,
                        "a range is built with `+`, `-`, `*` and `/` only",
                    );
                    None
                }
            }
        }
        Expr::Path(path) if path.path.get_ident().is_some() => {
            let written = path.path.get_ident()?.to_string();
            let found = params.iter().find(|param| param.name == written);
            if found.is_none() {
                let names: Vec<String> = params.iter().map(|p| p.name.to_string()).collect();
                let hint = meant(&written, names.iter().map(String::as_str));
                errors.on(
                    expr,
                    format!("`{written}` is not a parameter of this term; {hint}"),
                );
            }
            found.map(|param| param.default)
        }
        other => {
            errors.on(
                other,
                "a range is built from numbers and the term's parameters: it is worked out while compiling",
            );
            None
        }
    }
}

/// The same expression with every number written as an `f64`, and every parameter as a field.
fn floating(expr: &Expr, of: &TokenStream) -> TokenStream {
    match expr {
        Expr::Lit(_) => {
            let value = number::literal(expr).unwrap_or_default();
            quote!(#value)
        }
        Expr::Paren(inner) => {
            let inner = floating(&inner.expr, of);
            quote!((#inner))
        }
        Expr::Unary(unary) => {
            let inner = floating(&unary.expr, of);
            quote!(-#inner)
        }
        Expr::Binary(binary) => {
            let (left, op, right) = (
                floating(&binary.left, of),
                &binary.op,
                floating(&binary.right, of),
            );
            quote!(#left #op #right)
        }
        name => quote!(#of.#name),
    }
}

fn emit(term: &Term) -> TokenStream {
    let Term {
        item,
        doc,
        group,
        params,
        range,
    } = term;
    let vis = &item.vis;
    let name = &item.sig.ident;
    let text = name.to_string();
    let docs = item.attrs.iter().filter(|attr| docs::is_doc(attr));
    let fields: Vec<&Ident> = params.iter().map(|param| &param.name).collect();
    let keys = fields.iter().map(ToString::to_string);
    let declared = params
        .iter()
        .map(|Param { name, doc, .. }| quote!(#[doc = #doc] pub #name: f64));
    let defaults: Vec<f64> = params.iter().map(|param| param.default).collect();
    let lows = params.iter().map(|param| param.low);
    let highs = params.iter().map(|param| param.high);
    let meanings = params.iter().map(|param| &param.doc);
    let ends = |of: TokenStream| match range {
        Some((low, high)) => (floating(low, &of), floating(high, &of)),
        None => (quote!(0.0), quote!(0.0)),
    };
    let (low, high) = ends(quote!(self));
    let (declared_low, declared_high) = ends(quote!(Self::DEFAULT));
    let (scope, group_arg) = if *group {
        (quote!(Group), quote!(, group))
    } else {
        (quote!(Sample), quote!())
    };

    quote! {
        #item

        #(#docs)*
        #[derive(
            Clone,
            Debug,
            PartialEq,
            ::vrt_core::__private::serde::Serialize,
            ::vrt_core::__private::serde::Deserialize,
        )]
        #[serde(crate = "::vrt_core::__private::serde", default, deny_unknown_fields)]
        #[allow(non_camel_case_types)]
        #vis struct #name { #(#declared,)* }

        impl ::core::default::Default for #name {
            fn default() -> Self {
                <Self as ::vrt_core::reward::RewardTerm>::DEFAULT
            }
        }

        #[allow(unused_variables)]
        impl ::vrt_core::reward::RewardTerm for #name {
            const NAME: &'static str = #text;
            const DOC: &'static str = #doc;
            const SCOPE: ::vrt_core::reward::Scope = ::vrt_core::reward::Scope::#scope;
            const PARAMS: &'static [::vrt_core::reward::ParamSpec] = &[
                #(::vrt_core::reward::ParamSpec {
                    name: #keys,
                    doc: #meanings,
                    default: #defaults,
                    range: ::vrt_core::reward::Interval::new(#lows, #highs),
                },)*
            ];

            const DEFAULT: Self = Self { #(#fields: #defaults,)* };
            const RANGE: ::vrt_core::reward::Interval =
                ::vrt_core::reward::Interval::new(#declared_low, #declared_high);

            fn interval(&self) -> ::vrt_core::reward::Interval {
                ::vrt_core::reward::Interval::new(#low, #high)
            }

            fn values(&self) -> ::std::vec::Vec<f64> {
                ::std::vec![#(self.#fields),*]
            }

            fn ask(
                &self,
                ep: &::vrt_core::reward::Judged,
                group: &::vrt_core::reward::Group<'_>,
            ) -> ::vrt_core::reward::Score {
                #name(ep #group_arg #(, self.#fields)*)
            }
        }
    }
}

/// Stands in for a refused term, so that an objective that names it reports nothing further.
fn fallback(item: &ItemFn) -> TokenStream {
    let vis = &item.vis;
    let name = &item.sig.ident;
    quote! {
        #[allow(dead_code, unused_variables)]
        #item

        #[derive(
            Clone,
            Debug,
            Default,
            PartialEq,
            ::vrt_core::__private::serde::Serialize,
            ::vrt_core::__private::serde::Deserialize,
        )]
        #[serde(crate = "::vrt_core::__private::serde")]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #name {}

        impl ::vrt_core::reward::RewardTerm for #name {
            const NAME: &'static str = "";
            const DOC: &'static str = "";
            const SCOPE: ::vrt_core::reward::Scope = ::vrt_core::reward::Scope::Sample;
            const PARAMS: &'static [::vrt_core::reward::ParamSpec] = &[];
            const DEFAULT: Self = Self {};
            // Neither zero nor large: no check of an objective speaks up about a refused term.
            const RANGE: ::vrt_core::reward::Interval =
                ::vrt_core::reward::Interval::new(-1e-9, 1e-9);

            fn interval(&self) -> ::vrt_core::reward::Interval {
                Self::RANGE
            }

            fn values(&self) -> ::std::vec::Vec<f64> {
                ::core::unreachable!()
            }

            fn ask(
                &self,
                _: &::vrt_core::reward::Judged,
                _: &::vrt_core::reward::Group<'_>,
            ) -> ::vrt_core::reward::Score {
                ::core::unreachable!()
            }
        }
    }
}
