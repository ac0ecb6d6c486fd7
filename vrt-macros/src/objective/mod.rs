//! In: the sections of an `objective!`. Out: one struct of typed numbers and its `Objective` impl.

mod check;
mod emit;
mod parse;
mod require;
mod sections;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;

/// Expands `objective!`.
pub fn expand(input: TokenStream) -> TokenStream {
    let outline = match syn::parse2::<parse::Outline>(input) {
        Ok(outline) => outline,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let sections = sections::read(&outline, &mut errors);
    match check::objective(&outline, sections, &mut errors) {
        Some(objective) if errors.is_empty() => emit::objective(&objective),
        _ => {
            let errors = errors.tokens();
            let fallback = emit::fallback(&outline);
            quote!(#errors #fallback)
        }
    }
}
