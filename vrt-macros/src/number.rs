//! In: a literal number or a literal range, as an expression. Out: its value.

use syn::{Expr, ExprLit, ExprUnary, Lit, RangeLimits, UnOp};

/// A literal range `low..=high`.
pub struct Range {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// The value of a literal number, with an optional minus sign.
pub fn literal(expr: &Expr) -> syn::Result<f64> {
    let value: f64 = signed(expr)?;
    if value.is_finite() {
        return Ok(value);
    }
    Err(syn::Error::new_spanned(
        expr,
        "this number is too large for an `f64`; write a smaller one",
    ))
}

fn signed(expr: &Expr) -> syn::Result<f64> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(int), ..
        }) => int.base10_parse(),
        Expr::Lit(ExprLit {
            lit: Lit::Float(float),
            ..
        }) => float.base10_parse(),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => signed(expr).map(|value| -value),
        Expr::Paren(inner) => signed(&inner.expr),
        other => Err(syn::Error::new_spanned(
            other,
            "a number belongs here, written out: the check happens before any constant has a value",
        )),
    }
}

/// Both ends of `low..=high`.
pub fn ends(expr: &Expr) -> syn::Result<(&Expr, &Expr)> {
    if let Expr::Range(range) = expr
        && let (Some(low), RangeLimits::Closed(_), Some(high)) =
            (&range.start, &range.limits, &range.end)
    {
        return Ok((low, high));
    }
    Err(syn::Error::new_spanned(
        expr,
        "a range with both ends included belongs here: write `low..=high`",
    ))
}

/// The values of a literal range.
pub fn range(expr: &Expr) -> syn::Result<Range> {
    let (low, high) = ends(expr)?;
    let range = Range {
        low: literal(low)?,
        high: literal(high)?,
    };
    if range.low > range.high {
        return Err(syn::Error::new_spanned(
            expr,
            "this range is empty: its first number is the larger one; swap the two",
        ));
    }
    Ok(range)
}
