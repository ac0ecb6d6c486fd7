//! In: the tokens of an `objective!`. Out: its outline, and readers for what stands in a section.
//!
//! Sections are cut at their `;` before they are read, so that a mistake in one does not hide another.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Path, Token, Visibility, braced, parenthesized};

use crate::number;

/// Name and sections.
pub struct Outline {
    /// Docs.
    pub attrs: Vec<Attribute>,
    /// Who may use the objective.
    pub vis: Visibility,
    /// The struct's name.
    pub name: Ident,
    /// The sections in the order in which they were written.
    pub sections: Vec<Section>,
}

/// One section, up to its `;`.
pub struct Section {
    /// The word that it begins with.
    pub key: Ident,
    /// What follows.
    pub body: TokenStream,
}

impl Parse for Outline {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let name = input.parse()?;
        let body;
        braced!(body in input);
        let mut sections = Vec::new();
        while !body.is_empty() {
            let key: Ident = body.call(Ident::parse_any)?;
            let mut tokens = TokenStream::new();
            loop {
                if body.is_empty() {
                    return Err(syn::Error::new(
                        key.span(),
                        format!("the section `{key}` has no end; close it with `;`"),
                    ));
                }
                if body.parse::<Option<Token![;]>>()?.is_some() {
                    break;
                }
                tokens.extend([body.parse::<TokenTree>()?]);
            }
            sections.push(Section { key, body: tokens });
        }
        if !input.is_empty() {
            return Err(
                input.error("one objective at a time: give the next one its own `objective!`")
            );
        }
        Ok(Self {
            attrs,
            vis,
            name,
            sections,
        })
    }
}

/// `format + 0.5 * accuracy + eta * exploration`.
pub struct Sum(pub Vec<Summand>);

/// A term and what it is multiplied by.
pub struct Summand {
    /// A number or a name, if there is one.
    pub weight: Option<Expr>,
    /// The term.
    pub term: Path,
}

impl Parse for Sum {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let summands = Punctuated::<Summand, Token![+]>::parse_separated_nonempty(input)?;
        if !input.is_empty() {
            return Err(input.error(
                "rewards are summed with `+`; a weight stands before its term: `eta * exploration`",
            ));
        }
        Ok(Self(summands.into_iter().collect()))
    }
}

impl Parse for Summand {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let starts_with_number = input.peek(syn::Lit) || input.peek(Token![-]);
        let weighted = starts_with_number || (input.peek(syn::Ident) && input.peek2(Token![*]));
        let weight = if weighted {
            let negative: Option<Token![-]> = input.parse()?;
            let number: Expr = if starts_with_number {
                Expr::Lit(input.parse()?)
            } else {
                Expr::Path(input.parse()?)
            };
            input.parse::<Token![*]>()?;
            if input.peek(syn::Lit) {
                return Err(
                    input.error("a weight stands before its term: write `0.5 * exploration`")
                );
            }
            Some(match negative {
                Some(minus) => syn::parse_quote!(#minus #number),
                None => number,
            })
        } else {
            None
        };
        Ok(Self {
            weight,
            term: input.parse()?,
        })
    }
}

/// `eta = 0.5 in 0.0..=1.0`.
pub struct Weight {
    /// The weight's name.
    pub name: Ident,
    /// Its value where nothing overrides it.
    pub default: Expr,
    /// The values it may take.
    pub range: Expr,
}

impl Parse for Weight {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let default = input.parse()?;
        if input.is_empty() {
            return Err(syn::Error::new_spanned(
                &default,
                "a weight needs a range, because an experiment file may change it: write `eta = 0.5 in 0.0..=1.0`",
            ));
        }
        input.parse::<Token![in]>()?;
        Ok(Self {
            name,
            default,
            range: input.parse()?,
        })
    }
}

/// `cot_gain.alpha = accuracy.alpha`.
pub struct Tie {
    /// The parameter that follows.
    pub follower: (Ident, Ident),
    /// The parameter that it follows.
    pub leader: (Ident, Ident),
}

impl Parse for Tie {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        fn param(input: ParseStream<'_>) -> syn::Result<(Ident, Ident)> {
            let term = input.parse()?;
            input.parse::<Token![.]>()?;
            Ok((term, input.parse()?))
        }
        let follower = param(input)?;
        input.parse::<Token![=]>()?;
        Ok(Self {
            follower,
            leader: param(input)?,
        })
    }
}

/// `mean`, `0.2`, or `sum_over_constant(1024)`.
pub enum Value {
    /// A number with its tokens.
    Number(f64, Expr),
    /// A word.
    Word(Ident),
    /// A word with a number.
    Call(Ident, f64),
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(syn::Ident::peek_any) {
            let expr: Expr = input.parse()?;
            return Ok(Self::Number(number::literal(&expr)?, expr));
        }
        let word = input.call(Ident::parse_any)?;
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            return Ok(Self::Call(word, number::literal(&inner.parse()?)?));
        }
        Ok(Self::Word(word))
    }
}

/// `clip { low: 0.2, high: 0.2 }` or `reduce: token_mean`.
pub struct Part {
    /// The word that it begins with.
    pub name: Ident,
    /// The fields in braces, or one value under the name itself.
    pub fields: Vec<Field>,
}

impl Part {
    /// The value after the colon; none where the part has braces.
    pub fn value(&self) -> Option<&Value> {
        match self.fields.as_slice() {
            [field] if field.name == self.name => Some(&field.value),
            _ => None,
        }
    }
}

/// `low: 0.2`.
pub struct Field {
    /// Before the colon.
    pub name: Ident,
    /// After it.
    pub value: Value,
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![:]>()?;
        Ok(Self {
            name,
            value: input.parse()?,
        })
    }
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        if input.peek(syn::token::Brace) {
            let inner;
            braced!(inner in input);
            let fields = Punctuated::<Field, Token![,]>::parse_terminated(&inner)?;
            return Ok(Self {
                name,
                fields: fields.into_iter().collect(),
            });
        }
        input.parse::<Token![:]>()?;
        let field = Field {
            name: name.clone(),
            value: input.parse()?,
        };
        Ok(Self {
            name,
            fields: vec![field],
        })
    }
}
