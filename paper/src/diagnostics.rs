//! In: what the compiler found. Out: lines for people, `file:line:column: what`, with the calls that led there.

use std::fmt::Write;

use typst::diag::SourceDiagnostic;
use typst::syntax::DiagSpan;
use typst::{World, WorldExt};

/// One diagnostic as text.
pub(crate) fn text(world: &dyn World, diagnostic: &SourceDiagnostic) -> String {
    let mut out = match place(world, diagnostic.span) {
        Some(place) => format!("{place}: {}", diagnostic.message),
        None => diagnostic.message.to_string(),
    };
    // Writing into a String cannot fail.
    for point in &diagnostic.trace {
        if let Some(place) = place(world, point.span.into()) {
            let _ = write!(out, "\n  {place}: {}", point.v);
        }
    }
    for hint in &diagnostic.hints {
        let _ = write!(out, "\n  hint: {}", hint.v);
    }
    out
}

/// `file:line:column`, counted from 1.
fn place(world: &dyn World, span: DiagSpan) -> Option<String> {
    let id = span.id()?;
    let name = id.get().vpath().get_without_slash().to_owned();
    let line = || {
        let source = world.source(id).ok()?;
        let start = world.range(span)?.start;
        source.lines().byte_to_line_column(start)
    };
    Some(match line() {
        Some((line, column)) => format!("{name}:{}:{}", line + 1, column + 1),
        None => name,
    })
}
