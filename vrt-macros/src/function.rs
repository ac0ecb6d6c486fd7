//! In: a function under one of our attributes. Out: what is wrong with its outline.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Attribute, ItemFn, Pat, PatType, ReturnType, Safety, Type};

use crate::diagnostics::{Errors, meant};
use crate::docs;

/// A plain function: no `async`, `unsafe`, `const`, `extern`, generics, or variadics.
pub fn check_plain(what: &str, item: &ItemFn, errors: &mut Errors) {
    let sig = &item.sig;
    let mut refuse = |token: &dyn ToTokens, word: &str| {
        errors.on(
            &token.to_token_stream(),
            format!(
                "{what} is a plain function, because the episode calls it directly: remove `{word}`"
            ),
        );
    };
    if let Some(token) = &sig.asyncness {
        refuse(token, "async");
    }
    if let Some(token) = &sig.constness {
        refuse(token, "const");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(token, "unsafe");
    }
    if let Some(abi) = &sig.abi {
        refuse(abi, "extern");
    }
    if !sig.generics.params.is_empty() {
        errors.on(
            &sig.generics,
            format!("{what} has one type for each argument, because it has one schema: remove the generics"),
        );
    }
}

/// The result has to be one type, by its last word.
pub fn check_result(what: &str, wanted: &str, why: &str, item: &ItemFn, errors: &mut Errors) {
    match &item.sig.output {
        ReturnType::Type(_, ty) if last_word(ty).is_some_and(|word| word == wanted) => {}
        ReturnType::Type(_, ty) => errors.on(
            ty,
            format!("{what} gives back `{wanted}`: {why}; write `-> {wanted}`"),
        ),
        ReturnType::Default => errors.on(
            &item.sig.ident,
            format!("{what} gives back `{wanted}`: {why}; write `-> {wanted}`"),
        ),
    }
}

/// Whether the type is a reference to a type of this name.
pub fn refers_to(ty: &Type, name: &str, mutable: bool) -> bool {
    matches!(ty, Type::Reference(reference)
        if reference.mutability.is_some() == mutable
            && last_word(&reference.elem).is_some_and(|word| word == name))
}

/// The last word of a path type.
pub fn last_word(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// The name of a parameter, if its pattern is one.
pub fn param_name<'a>(param: &'a PatType, why: &str, errors: &mut Errors) -> Option<&'a Ident> {
    match &*param.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&pat.ident),
        pattern => {
            errors.on(
                pattern,
                format!("this parameter needs a plain name: {why}; bind it and take it apart in the body"),
            );
            None
        }
    }
}

/// Attributes on a parameter other than docs and the one that belongs there.
pub fn check_param_attrs(ours: &str, attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs {
        if docs::is_doc(attr) || attr.path().is_ident(ours) {
            continue;
        }
        let name = attr.path().to_token_stream().to_string();
        errors.on(
            attr.path(),
            format!(
                "`#[{name}]` says nothing about a parameter here; {}",
                meant(&name, [ours])
            ),
        );
    }
}

/// The item as the compiler reads it: without docs and our attributes on parameters.
pub fn stripped(item: &ItemFn) -> ItemFn {
    let mut item = item.clone();
    for input in &mut item.sig.inputs {
        if let syn::FnArg::Typed(param) = input {
            param.attrs.clear();
        }
    }
    item
}
