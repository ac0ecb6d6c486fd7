//! In: the list of an `ops!`. Out: one enum of typed calls with static dispatch.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Path, Token, Visibility, bracketed};

use crate::diagnostics::Errors;
use crate::docs;

/// What is written.
struct Set {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    ops: Vec<Path>,
}

impl Parse for Set {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        let list;
        bracketed!(list in input);
        let ops = Punctuated::<Path, Token![,]>::parse_terminated(&list)?;
        input.parse::<Token![;]>()?;
        if !input.is_empty() {
            return Err(input.error("one set at a time: give the next one its own `ops!`"));
        }
        Ok(Self {
            attrs,
            vis,
            name,
            ops: ops.into_iter().collect(),
        })
    }
}

/// Expands `ops!`.
pub fn expand(input: TokenStream) -> TokenStream {
    let set = match syn::parse2::<Set>(input) {
        Ok(set) => set,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    if docs::text(&set.attrs).is_none() {
        errors.on(
            &set.name,
            format!(
                "the set `{}` needs a doc comment: a reader has to know what the tools are for",
                set.name
            ),
        );
    }
    for attr in set.attrs.iter().filter(|attr| !docs::is_doc(attr)) {
        errors.on(
            attr,
            "only a doc comment may stand over a set of operations",
        );
    }
    let mut ops: Vec<(&Path, &Ident)> = Vec::new();
    for path in &set.ops {
        let Some(last) = path.segments.last() else {
            continue;
        };
        if ops.iter().any(|(_, name)| **name == last.ident) {
            errors.on(
                path,
                format!(
                    "`{}` is already in this set: a model could not tell the two apart; list it once",
                    last.ident
                ),
            );
            continue;
        }
        ops.push((path, &last.ident));
    }
    let expansion = emit(&set, &ops);
    let errors = errors.tokens();
    quote!(#errors #expansion)
}

fn emit(set: &Set, ops: &[(&Path, &Ident)]) -> TokenStream {
    let Set {
        attrs, vis, name, ..
    } = set;
    let attrs = attrs.iter().filter(|attr| docs::is_doc(attr));
    let variants = ops.iter().map(|(path, op)| {
        let doc = format!("A call of `{op}`.");
        quote!(#[doc = #doc] #op(<#path as ::vrt_core::op::VisualOp>::Args))
    });
    let names: Vec<TokenStream> = ops
        .iter()
        .map(|(path, _)| quote!(<#path as ::vrt_core::op::VisualOp>::NAME))
        .collect();
    let specs = ops
        .iter()
        .map(|(path, _)| quote!(<#path as ::vrt_core::op::VisualOp>::spec(limits)));
    let grammars = ops
        .iter()
        .map(|(path, _)| quote!(<#path as ::vrt_core::op::VisualOp>::grammar()));
    let parses = ops.iter().zip(&names).map(|((path, op), known)| {
        quote! {
            if name == #known {
                return match <#path as ::vrt_core::op::VisualOp>::parse(arguments, limits) {
                    ::core::result::Result::Ok(args) => ::core::result::Result::Ok(Self::#op(args)),
                    ::core::result::Result::Err(error) => ::core::result::Result::Err(
                        ::vrt_core::op::OpError::Arguments { tool: #known, error },
                    ),
                };
            }
        }
    });
    let runs = ops.iter().map(|(path, op)| {
        quote!(Self::#op(args) => <#path as ::vrt_core::op::VisualOp>::run(view, args))
    });
    let renders = ops.iter().map(|(path, op)| {
        quote!(Self::#op(ref args) => <#path as ::vrt_core::op::VisualOp>::render(args))
    });
    quote! {
        #(#attrs)*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(non_camel_case_types)]
        #vis enum #name { #(#variants,)* }

        #[allow(unused_variables)]
        impl ::vrt_core::op::OpSet for #name {
            const NAMES: &'static [&'static str] = &[#(#names),*];

            fn specs(limits: &::vrt_core::op::Limits) -> ::std::vec::Vec<::vrt_core::op::OpSpec> {
                ::std::vec![#(#specs),*]
            }

            fn grammars() -> ::std::vec::Vec<::vrt_core::op::OpGrammar> {
                ::std::vec![#(#grammars),*]
            }

            fn parse(
                name: &str,
                arguments: &::vrt_core::__private::serde_json::Value,
                limits: &::vrt_core::op::Limits,
            ) -> ::core::result::Result<Self, ::vrt_core::op::OpError> {
                #(#parses)*
                ::core::result::Result::Err(<Self as ::vrt_core::op::OpSet>::unknown(name))
            }

            fn run(self, view: &mut ::vrt_core::op::Workspace<'_>) -> ::vrt_core::op::OpResult {
                match self { #(#runs,)* }
            }

            fn render(&self) -> ::std::string::String {
                match *self { #(#renders,)* }
            }
        }
    }
}
