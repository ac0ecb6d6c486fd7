//! In: the list of an `ops!`. Out: one enum of typed calls with static dispatch.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
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
        let args = quote_spanned!(path.span()=> <#path as ::vrt_core::op::VisualOp>::Args);
        quote!(#[doc = #doc] #op(#args))
    });
    let idents: Vec<&Ident> = ops.iter().map(|(_, op)| *op).collect();
    let names: Vec<TokenStream> = ops
        .iter()
        .map(|(path, _)| quote_spanned!(path.span()=> <#path as ::vrt_core::op::VisualOp>::NAME))
        .collect();
    let specs = ops
        .iter()
        .map(|(path, _)| method(path, "spec", &quote!(limits)));
    let grammars = ops
        .iter()
        .map(|(path, _)| method(path, "grammar", &quote!()));
    let parses = ops.iter().zip(&names).map(|((path, op), known)| {
        let call = method(path, "parse", &quote!(arguments, limits));
        quote! {
            if name == #known {
                return match #call {
                    ::core::result::Result::Ok(args) => ::core::result::Result::Ok(Self::#op(args)),
                    ::core::result::Result::Err(error) => ::core::result::Result::Err(
                        ::vrt_core::op::OpError::Arguments { tool: #known, error },
                    ),
                };
            }
        }
    });
    let runs = ops.iter().map(|(path, op)| {
        let call = method(path, "run", &quote!(view, args));
        quote!(Self::#op(args) => #call)
    });
    let costs = ops.iter().map(|(path, op)| {
        let call = method(path, "cost", &quote!(args, view));
        quote!(Self::#op(ref args) => #call)
    });
    let renders = ops.iter().map(|(path, op)| {
        let call = method(path, "render", &quote!(args));
        quote!(Self::#op(ref args) => #call)
    });
    quote! {
        #(#attrs)*
        #[allow(non_camel_case_types)]
        #vis enum #name { #(#variants,)* }

        // Written out, because each derive would report a wrong operation once more.
        impl ::core::clone::Clone for #name {
            fn clone(&self) -> Self {
                match *self {
                    #(Self::#idents(ref args) => Self::#idents(::core::clone::Clone::clone(args)),)*
                }
            }
        }

        impl ::core::cmp::PartialEq for #name {
            fn eq(&self, other: &Self) -> bool {
                match (self, other) {
                    #((Self::#idents(a), Self::#idents(b)) => ::core::cmp::PartialEq::eq(a, b),)*
                    #[allow(unreachable_patterns)]
                    _ => false,
                }
            }
        }

        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match *self {
                    #(Self::#idents(ref args) => ::core::fmt::Debug::fmt(args, f),)*
                }
            }
        }

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

            fn cost(
                &self,
                view: &::vrt_core::op::Workspace<'_>,
            ) -> ::core::option::Option<u32> {
                match *self { #(#costs,)* }
            }

            fn render(&self) -> ::std::string::String {
                match *self { #(#renders,)* }
            }
        }
    }
}

/// A call of an operation's function; every token stands at the operation, so that its misuse is one error.
fn method(path: &Path, name: &str, arguments: &TokenStream) -> TokenStream {
    let at = path.span().resolved_at(Span::call_site());
    let name = format_ident!("{name}", span = at);
    quote_spanned!(at=> <#path as ::vrt_core::op::VisualOp>::#name(#arguments))
}
