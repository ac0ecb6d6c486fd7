//! In: the attributes of an item. Out: its doc comment as plain text, and the attributes that are not docs.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The doc comment: lines of a paragraph joined by a space, paragraphs by a line break.
pub fn text(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attrs.iter().filter_map(line).collect();
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in lines.iter().map(|line| line.trim()) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n"))
}

fn line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attr.meta else {
        return None;
    };
    match &meta.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if is_doc(attr) => Some(text.value()),
        _ => None,
    }
}

/// Whether this is a doc comment.
pub fn is_doc(attr: &Attribute) -> bool {
    attr.path().is_ident("doc")
}
