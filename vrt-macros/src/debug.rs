//! In: an expansion, and `VRT_MACROS_DEBUG`. Out: the expansion of the named declaration as it would be written by hand.

use proc_macro2::TokenStream;
use syn::{Item, ItemEnum, ItemFn, ItemStruct};

/// Names the declarations to print, separated by commas; `all` is every one.
const VARIABLE: &str = "VRT_MACROS_DEBUG";

/// Prints the expansion on stderr if it was asked for; hands it on in any case.
#[allow(
    clippy::disallowed_methods,
    reason = "the expansion does not depend on it"
)]
pub fn shown(expansion: TokenStream) -> TokenStream {
    if let Ok(wanted) = std::env::var(VARIABLE)
        && let Some(listing) = listing(&wanted, &expansion)
    {
        eprintln!("{listing}");
    }
    expansion
}

/// The expansion as text, headed by its name, if it declares one of the wanted names.
fn listing(wanted: &str, expansion: &TokenStream) -> Option<String> {
    let file: syn::File = syn::parse2(expansion.clone()).ok()?;
    let names: Vec<String> = file.items.iter().filter_map(declared).collect();
    let name = wanted
        .split(',')
        .map(str::trim)
        .find_map(|wanted| match wanted {
            "all" => names.first(),
            wanted => names.iter().find(|name| *name == wanted),
        })?;
    let text = prettyplease::unparse(&file);
    Some(format!("// What `{name}` stands for:\n{text}"))
}

fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Fn(ItemFn { sig, .. }) => Some(sig.ident.to_string()),
        Item::Struct(ItemStruct { ident, .. }) | Item::Enum(ItemEnum { ident, .. }) => {
            Some(ident.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn a_declaration_is_listed_by_its_name_alone() {
        let expansion = quote! {
            fn around() {}
            struct around {}
            impl Op for around {}
        };
        let expected = "// What `around` stands for:\nfn around() {}\nstruct around {}\nimpl Op for around {}\n";
        for wanted in ["around", "all", "other, around"] {
            assert_eq!(
                listing(wanted, &expansion).as_deref(),
                Some(expected),
                "{wanted}"
            );
        }
        for wanted in ["", "aroun", "Op"] {
            assert_eq!(listing(wanted, &expansion), None, "{wanted}");
        }
    }

    #[test]
    fn a_refused_declaration_shows_what_stands_in_for_it() {
        let listing = listing("around", &crate::ops::expand(quote!(around = [a, a];)));
        let listing = listing.expect("the fallback has the name");
        assert!(listing.contains("compile_error"), "{listing}");
    }
}
