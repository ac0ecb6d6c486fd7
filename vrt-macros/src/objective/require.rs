//! In: `abs(cot_gain) + eta * exploration < accuracy`. Out: its text, and its ranges as an expression.

use std::fmt;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Token, parenthesized};

use crate::diagnostics::meant;

/// A requirement.
pub struct Require {
    /// What has to pay less.
    pub left: Expr,
    /// Whether both sides may pay the same at most.
    pub or_equal: bool,
    /// What has to pay more.
    pub right: Expr,
}

/// An expression over the ranges of terms and weights.
pub enum Expr {
    Number(f64),
    Name(Ident),
    Abs(Box<Expr>),
    Negated(Box<Expr>),
    Two(Box<Expr>, Op, Box<Expr>),
}

/// What joins two expressions.
#[derive(Clone, Copy, PartialEq)]
pub enum Op {
    Plus,
    Minus,
    Times,
}

impl Parse for Require {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let left = sum(input)?;
        if input.peek(Token![>]) || input.peek(Token![==]) || input.is_empty() {
            return Err(input.error(
                "a requirement compares what two sides can pay at most: write `left < right` or `left <= right`",
            ));
        }
        let or_equal = input.peek(Token![<=]);
        if or_equal {
            input.parse::<Token![<=]>()?;
        } else {
            input.parse::<Token![<]>()?;
        }
        Ok(Self {
            left,
            or_equal,
            right: sum(input)?,
        })
    }
}

fn sum(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut left = product(input)?;
    loop {
        let op = if input.parse::<Option<Token![+]>>()?.is_some() {
            Op::Plus
        } else if input.parse::<Option<Token![-]>>()?.is_some() {
            Op::Minus
        } else {
            return Ok(left);
        };
        left = Expr::Two(Box::new(left), op, Box::new(product(input)?));
    }
}

fn product(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut left = factor(input)?;
    while input.parse::<Option<Token![*]>>()?.is_some() {
        left = Expr::Two(Box::new(left), Op::Times, Box::new(factor(input)?));
    }
    Ok(left)
}

fn factor(input: ParseStream<'_>) -> syn::Result<Expr> {
    if input.parse::<Option<Token![-]>>()?.is_some() {
        return Ok(Expr::Negated(Box::new(factor(input)?)));
    }
    if input.peek(syn::token::Paren) {
        let inner;
        parenthesized!(inner in input);
        return sum(&inner);
    }
    if input.peek(syn::Lit) {
        return Ok(Expr::Number(crate::number::literal(&input.parse()?)?));
    }
    let name: Ident = input.parse()?;
    if !input.peek(syn::token::Paren) {
        return Ok(Expr::Name(name));
    }
    if name != "abs" {
        let hint = meant(&name.to_string(), ["abs"]);
        return Err(syn::Error::new(
            name.span(),
            format!("`{name}` is not a function of ranges; {hint}"),
        ));
    }
    let inner;
    parenthesized!(inner in input);
    Ok(Expr::Abs(Box::new(sum(&inner)?)))
}

impl Expr {
    /// Every name in the expression.
    pub fn names(&self) -> Vec<&Ident> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Abs(inner) | Self::Negated(inner) => inner.names(),
            Self::Two(left, _, right) => [left.names(), right.names()].concat(),
        }
    }

    /// The expression's `Interval`, where `leaf` gives the interval of a name.
    pub fn interval(&self, leaf: &dyn Fn(&Ident) -> TokenStream) -> TokenStream {
        match self {
            Self::Number(value) => quote!(::vrt_core::reward::Interval::point(#value)),
            Self::Name(name) => leaf(name),
            Self::Abs(inner) => {
                let inner = inner.interval(leaf);
                quote!(#inner.abs())
            }
            Self::Negated(inner) => {
                let inner = inner.interval(leaf);
                quote!(#inner.negated())
            }
            Self::Two(left, op, right) => {
                let (left, right) = (left.interval(leaf), right.interval(leaf));
                match op {
                    Op::Plus => quote!(#left.plus(#right)),
                    Op::Minus => quote!(#left.minus(#right)),
                    Op::Times => quote!(#left.times(#right)),
                }
            }
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Abs(inner) => write!(f, "abs({inner})"),
            Self::Negated(inner) => write!(f, "-({inner})"),
            Self::Two(left, op, right) => {
                let sign = match op {
                    Op::Plus => '+',
                    Op::Minus => '-',
                    Op::Times => '*',
                };
                let sum = |side: &Expr| matches!(side, Expr::Two(_, Op::Plus | Op::Minus, _));
                if *op == Op::Times && sum(left) {
                    write!(f, "({left})")?;
                } else {
                    left.fmt(f)?;
                }
                write!(f, " {sign} ")?;
                if *op != Op::Plus && sum(right) {
                    write!(f, "({right})")
                } else {
                    right.fmt(f)
                }
            }
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.or_equal { "<=" } else { "<" };
        write!(f, "{} {sign} {}", self.left, self.right)
    }
}

impl Require {
    /// The requirement and how to mend it, the same words when compiling and when running.
    pub fn words(&self) -> String {
        let reach = if self.or_equal {
            "more than"
        } else {
            "as much as"
        };
        format!(
            "`require {self}` does not hold: the left side can pay {reach} the right side can at \
             most; lower a weight on the left or narrow the range of one of its terms"
        )
    }
}
