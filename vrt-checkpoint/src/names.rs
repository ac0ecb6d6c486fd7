//! In: a tensor's name in the model. Out: its name in the files, in either layout in use.

/// How tensors are named in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLayout {
    /// `visual.…`, `model.layers.…`: as published.
    Flat,
    /// `model.visual.…`, `model.language_model.layers.…`: as in the modules of newer releases of transformers.
    Nested,
}

impl KeyLayout {
    /// The layout of files with these names.
    pub fn of<'a>(mut names: impl Iterator<Item = &'a str>) -> Self {
        let nested = ["model.visual.", "model.language_model."];
        if names.any(|name| nested.iter().any(|start| name.starts_with(start))) {
            Self::Nested
        } else {
            Self::Flat
        }
    }

    /// The name in the files of a tensor of the model.
    pub fn published(self, name: &str) -> String {
        match self {
            Self::Flat => name.to_owned(),
            Self::Nested => match name.strip_prefix("model.") {
                Some(rest) => format!("model.language_model.{rest}"),
                None if name.starts_with("visual.") => format!("model.{name}"),
                None => name.to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyLayout::{self, Flat, Nested};

    #[test]
    fn both_layouts_are_told_apart_and_written() {
        let names = [
            "visual.merger.ln_q.weight",
            "model.layers.0.mlp.up_proj.weight",
            "lm_head.weight",
        ];
        let nested = names.map(|name| Nested.published(name));
        assert_eq!(
            nested,
            [
                "model.visual.merger.ln_q.weight",
                "model.language_model.layers.0.mlp.up_proj.weight",
                "lm_head.weight",
            ]
        );
        assert_eq!(names.map(|name| Flat.published(name)), names);
        assert_eq!(KeyLayout::of(names.into_iter()), Flat);
        assert_eq!(KeyLayout::of(nested.iter().map(String::as_str)), Nested);
    }
}
