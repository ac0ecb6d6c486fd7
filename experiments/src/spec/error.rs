//! A spec that cannot be used: the place underlined, the reason, the cure.

use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::locate::locate;

/// What is wrong with a spec.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct SpecError {
    message: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("{label}")]
    span: Option<SourceSpan>,
    label: String,
    #[help]
    help: Option<String>,
}

/// A text with its name, to make errors from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// Its path as shown.
    pub name: &'a str,
    /// Its content.
    pub text: &'a str,
}

impl Text<'_> {
    /// Where the last key of `path` is written.
    pub fn place(self, path: &[&str]) -> Option<Range<usize>> {
        locate(self.text, path)
    }

    /// An error at `span`: `message` says what is wrong, `label` what stands there, `help` the cure.
    pub fn error(
        self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Box<SpecError> {
        Box::new(SpecError {
            message: message.into(),
            source_code: NamedSource::new(self.name, self.text.to_owned()),
            span: span.map(SourceSpan::from),
            label: label.into(),
            help,
        })
    }

    /// The error of the TOML reader, with a suggestion when a name is unknown.
    pub fn toml(self, error: &toml::de::Error) -> Box<SpecError> {
        let (label, help) = explain(error.message());
        self.error(
            error.span(),
            format!("{} cannot be used", self.name),
            label,
            help,
        )
    }
}

/// Splits a deserialiser's message into what is wrong and a suggestion.
pub(crate) fn explain(message: &str) -> (String, Option<String>) {
    let message = message.trim();
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown ")
        && let Some(word) = quoted.next()
    {
        let known: Vec<&str> = quoted.collect();
        let what = message.split('`').next().unwrap_or(message).trim();
        return (
            format!("{what} `{word}`"),
            Some(suggest(word, known.iter().copied())),
        );
    }
    (message.to_owned(), None)
}

/// `did you mean …?`, or the list of what there is.
pub fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(slips, _)| *slips <= (word.chars().count() / 3).max(1))
        .min_by_key(|(slips, _)| *slips);
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => match known.collect::<Vec<_>>() {
            names if names.is_empty() => "there are none here".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        },
    }
}
