//! In: what is wrong, word by word. Out: all of it at once, as compile errors on these words.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The errors of one item. Each says what, why, and how to mend it.
#[derive(Default)]
pub struct Errors(Vec<syn::Error>);

impl Errors {
    /// An error that underlines these tokens.
    pub fn on(&mut self, tokens: &impl ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    /// An error of the parser.
    pub fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The compile errors, in the order in which they were found.
    pub fn tokens(self) -> TokenStream {
        self.0
            .iter()
            .map(syn::Error::to_compile_error)
            .collect::<TokenStream>()
    }
}

/// `did you mean `x`?` where a known word is close, otherwise the known words.
pub fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(written, name), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match (nearest, known.as_slice()) {
        (Some((_, name)), _) => format!("did you mean `{name}`?"),
        (None, []) => "there is none to choose from".to_owned(),
        (None, [only]) => format!("write `{only}`"),
        (None, _) => {
            let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("choose one of {}", quoted.join(", "))
        }
    }
}
