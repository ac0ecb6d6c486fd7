//! In: the outline of an objective. Out: every section read, each checked for its own words.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use super::parse::{Field, Outline, Part, Section, Sum, Summand, Tie, Value, Weight};
use super::require::Require;
use crate::diagnostics::{Errors, meant};

/// What was written, before its parts are compared with one another.
#[derive(Default)]
pub struct Sections {
    /// The terms that are summed.
    pub reward: Vec<Summand>,
    /// The named weights.
    pub weights: Vec<Weight>,
    /// The tied parameters.
    pub ties: Vec<Tie>,
    /// An `AdvantageSpec`, as an expression.
    pub advantage: Option<(TokenStream, Span)>,
    /// The parts of the loss, as expressions.
    pub loss: Option<Loss>,
    /// A `Resample`, as an expression.
    pub groups: Option<TokenStream>,
    /// The requirements with the place where they stand.
    pub requires: Vec<(Require, TokenStream)>,
}

/// The parts of the loss, as expressions.
pub struct Loss {
    /// A `Ratio`.
    pub ratio: TokenStream,
    /// A `Surrogate`.
    pub surrogate: TokenStream,
    /// A `KlSpec`.
    pub kl: TokenStream,
    /// A `Reduce`.
    pub reduce: TokenStream,
    /// An `Empty`.
    pub empty: TokenStream,
    /// An `Option<f64>`.
    pub correction: TokenStream,
    /// A `Truncated`.
    pub truncated: TokenStream,
    /// Where the section stands.
    pub span: Span,
}

const KEYS: [&str; 7] = [
    "reward",
    "weight",
    "tie",
    "advantage",
    "loss",
    "groups",
    "require",
];

/// What a section that has to be there is for.
const REQUIRED: [(&str, &str, &str); 4] = [
    ("reward", "what is rewarded", "reward format + accuracy;"),
    (
        "advantage",
        "how rewards become advantages",
        "advantage group { center: mean, scale: std };",
    ),
    (
        "loss",
        "how advantages become a loss",
        "loss clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;",
    ),
    (
        "groups",
        "which groups are drawn again",
        "groups resample when all_correct | all_wrong;",
    ),
];

/// Reads every section.
pub fn read(outline: &Outline, errors: &mut Errors) -> Sections {
    let mut sections = Sections::default();
    let mut seen: Vec<String> = Vec::new();
    for section in &outline.sections {
        let key = section.key.to_string();
        if !KEYS.contains(&key.as_str()) {
            errors.on(
                &section.key,
                format!(
                    "`{key}` is not a section of an objective; {}",
                    meant(&key, KEYS)
                ),
            );
            // A misspelt section is not also a missing one.
            if let Some(nearest) = KEYS
                .iter()
                .find(|known| strsim::jaro_winkler(&key, known) > 0.8)
            {
                seen.push((*nearest).to_owned());
            }
            continue;
        }
        if seen.contains(&key) && REQUIRED.iter().any(|(name, ..)| *name == key) {
            errors.on(
                &section.key,
                format!("the section `{key}` is already given; an objective has one"),
            );
            continue;
        }
        seen.push(key.clone());
        if let Err(error) = read_section(&key, section, &mut sections, errors) {
            errors.push(error);
        }
    }
    for (name, purpose, example) in REQUIRED {
        if !seen.iter().any(|key| key == name) {
            errors.on(
                &outline.name,
                format!(
                    "objective `{}` does not say {purpose}: add the section `{example}`",
                    outline.name
                ),
            );
        }
    }
    sections
}

fn read_section(
    key: &str,
    section: &Section,
    out: &mut Sections,
    errors: &mut Errors,
) -> syn::Result<()> {
    let span = section.key.span();
    let body = section.body.clone();
    match key {
        "reward" => out.reward = parsed::<Sum>(body, span, "a sum of terms")?.0,
        "weight" => out
            .weights
            .push(parsed(body, span, "`eta = 0.5 in 0.0..=1.0`")?),
        "tie" => out
            .ties
            .push(parsed(body, span, "`cot_gain.alpha = accuracy.alpha`")?),
        "advantage" => {
            let part = parsed(body, span, "`group { center: mean, scale: std }`")?;
            out.advantage = advantage(&part, errors).map(|spec| (spec, span));
        }
        "loss" => {
            expect(&body, span, "`clip { … }, kl { … }, reduce: …`")?;
            let parts = Punctuated::<Part, Token![,]>::parse_terminated.parse2(body)?;
            out.loss = loss(&section.key, parts.into_iter().collect(), errors);
        }
        "groups" => {
            expect(
                &body,
                span,
                "`resample when all_correct | all_wrong` or `keep all`",
            )?;
            out.groups = (|input: ParseStream<'_>| groups(input, errors)).parse2(body)?;
        }
        _ => {
            let require = parsed(body.clone(), span, "`left < right`")?;
            out.requires.push((require, body));
        }
    }
    Ok(())
}

fn expect(body: &TokenStream, span: Span, what: &str) -> syn::Result<()> {
    if body.is_empty() {
        return Err(syn::Error::new(
            span,
            format!("this section is empty; it holds {what}"),
        ));
    }
    Ok(())
}

fn parsed<T: Parse>(body: TokenStream, span: Span, what: &str) -> syn::Result<T> {
    expect(&body, span, what)?;
    syn::parse2(body)
}

fn advantage(part: &Part, errors: &mut Errors) -> Option<TokenStream> {
    if part.name != "group" {
        let written = part.name.to_string();
        errors.on(
            &part.name,
            format!(
                "`{written}` is not a baseline: advantages are taken within the group of one pair; {}",
                meant(&written, ["group"])
            ),
        );
        return None;
    }
    let mut fields = Fields::new(
        &part.name,
        &part.fields,
        &["center", "scale", "eps", "ddof", "normalise", "singleton"],
        errors,
    );
    let center = fields.word("center", &["mean", "leave_one_out", "none"], errors);
    let scale = fields.word("scale", &["std", "batch_std", "none"], errors);
    let normalise = fields.word_or("normalise", &["total", "each_term"], errors);
    let singleton = fields.word_or("singleton", &["zero", "keep"], errors);
    // The paper gives no eps; this one is far below any difference between rewards.
    let eps = fields.number_or("eps", 1e-6, 0.0, 1.0, errors)?;
    let ddof = fields.number_or("ddof", 1.0, 0.0, 1.0, errors)?;
    if let Some(field) = fields.find("ddof")
        && ddof.fract() != 0.0
    {
        errors.on(
            &field.name,
            "`ddof` is taken off the number of samples: write 0 or 1",
        );
    }
    let (center, scale) = (camel(&center?), camel(&scale?));
    let (normalise, singleton) = (camel(&normalise?), camel(&singleton?));
    let ddof = ddof as u8;
    Some(quote! {
        ::vrt_core::objective::AdvantageSpec {
            center: ::vrt_core::objective::Center::#center,
            scale: ::vrt_core::objective::Scale::#scale,
            eps: #eps,
            ddof: #ddof,
            normalise: ::vrt_core::objective::Normalise::#normalise,
            singleton: ::vrt_core::objective::Singleton::#singleton,
        }
    })
}

/// The parts that bound the ratio: a loss has one of them.
const SURROGATES: [&str; 3] = ["clip", "cispo", "sapo"];

/// All parts of the loss.
const PARTS: [&str; 9] = [
    "ratio",
    "clip",
    "cispo",
    "sapo",
    "kl",
    "reduce",
    "empty",
    "correct",
    "truncated",
];

fn loss(key: &Ident, parts: Vec<Part>, errors: &mut Errors) -> Option<Loss> {
    let mut known: Vec<&Part> = Vec::new();
    for part in &parts {
        let written = part.name.to_string();
        let bounds = SURROGATES.contains(&written.as_str());
        let earlier = known.iter().find(|earlier| {
            earlier.name == part.name
                || (bounds && SURROGATES.iter().any(|name| earlier.name == name))
        });
        if !PARTS.contains(&written.as_str()) {
            errors.on(
                &part.name,
                format!(
                    "`{written}` is not a part of the loss; {}",
                    meant(&written, PARTS)
                ),
            );
            return None;
        }
        match earlier {
            Some(earlier) if earlier.name != part.name => errors.on(
                &part.name,
                format!(
                    "`{}` bounds the ratio already: a loss has one of `clip`, `cispo` and `sapo`; remove one",
                    earlier.name
                ),
            ),
            Some(_) => errors.on(
                &part.name,
                format!("`{written}` is already given; the loss has one"),
            ),
            None => known.push(part),
        }
    }
    let find = |name: &str| known.iter().copied().find(|part| part.name == name);
    let bound = SURROGATES.iter().find_map(|name| find(name));
    for (found, name, example) in [
        (bound, "clip", "clip { low: 0.2, high: 0.2 }"),
        (find("kl"), "kl", "kl { estimator: k3, beta: 0.01 }"),
        (find("reduce"), "reduce", "reduce: per_sample_mean"),
    ] {
        if found.is_none() {
            errors.on(key, format!("the loss has no `{name}`: add `{example}`"));
        }
    }
    let surrogate = bound.and_then(|part| surrogate(part, errors));
    let kl = find("kl").and_then(|part| kl(part, errors));
    let reduce = find("reduce").and_then(|part| reduction(part, errors));
    let ratio = choice(find("ratio"), "Ratio", &["token", "sequence"], errors);
    let empty = choice(find("empty"), "Empty", &["keep", "drop"], errors);
    let truncated = choice(find("truncated"), "Truncated", &["learn", "mask"], errors);
    let correction = match find("correct") {
        None => Some(quote!(::core::option::Option::None)),
        Some(part) => {
            let mut fields = Fields::new(&part.name, &part.fields, &["cap"], errors);
            let cap = fields.number("cap", 1.0, 1000.0, errors);
            cap.map(|cap| quote!(::core::option::Option::Some(#cap)))
        }
    };
    Some(Loss {
        ratio: ratio?,
        surrogate: surrogate?,
        kl: kl?,
        reduce: reduce?,
        empty: empty?,
        correction: correction?,
        truncated: truncated?,
        span: key.span(),
    })
}

/// A part that is one word of a few, the first of which holds where it is left out.
fn choice(
    part: Option<&Part>,
    of: &str,
    known: &[&str],
    errors: &mut Errors,
) -> Option<TokenStream> {
    let of = format_ident!("{of}");
    let default = format_ident!("{}", known.first()?);
    let word = match part {
        None => default,
        Some(part) => match part.value() {
            Some(Value::Word(word)) if known.contains(&word.to_string().as_str()) => word.clone(),
            Some(Value::Word(word) | Value::Call(word, _)) => {
                let written = word.to_string();
                let hint = meant(&written, known.iter().copied());
                let name = &part.name;
                errors.on(
                    word,
                    format!("`{written}` is no choice for `{name}`; {hint}"),
                );
                return None;
            }
            _ => {
                let hint = meant("", known.iter().copied());
                let name = &part.name;
                errors.on(name, format!("`{name}` takes a word after a colon; {hint}"));
                return None;
            }
        },
    };
    let word = camel(&word);
    Some(quote!(::vrt_core::objective::#of::#word))
}

fn surrogate(part: &Part, errors: &mut Errors) -> Option<TokenStream> {
    let option = |value: Option<f64>| match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    };
    if part.name == "clip" {
        let known = ["low", "high", "dual", "delta"];
        let mut fields = Fields::new(&part.name, &part.fields, &known, errors);
        let low = fields.number("low", 0.0, 1.0, errors);
        let high = fields.number("high", 0.0, 100.0, errors);
        let dual = option(fields.maybe("dual", 1.0, 1000.0, errors));
        let delta = option(fields.maybe("delta", 1.0, 1000.0, errors));
        let (low, high) = (low?, high?);
        return Some(quote! {
            ::vrt_core::objective::Surrogate::Clip { low: #low, high: #high, dual: #dual, delta: #delta }
        });
    }
    if part.name == "cispo" {
        let mut fields = Fields::new(&part.name, &part.fields, &["cap", "floor"], errors);
        let cap = fields.number("cap", 1.0, 1000.0, errors);
        let floor = option(fields.maybe("floor", 0.0, 1.0, errors));
        let cap = cap?;
        return Some(quote! {
            ::vrt_core::objective::Surrogate::Cispo { cap: #cap, floor: #floor }
        });
    }
    let known = ["positive", "negative"];
    let mut fields = Fields::new(&part.name, &part.fields, &known, errors);
    let positive = fields.number("positive", 0.01, 100.0, errors);
    let negative = fields.number("negative", 0.01, 100.0, errors);
    let (positive, negative) = (positive?, negative?);
    Some(quote! {
        ::vrt_core::objective::Surrogate::Sapo { positive: #positive, negative: #negative }
    })
}

fn kl(part: &Part, errors: &mut Errors) -> Option<TokenStream> {
    const ESTIMATORS: [&str; 6] = ["k1", "k2", "k3", "abs", "k1_straight", "k3_straight"];
    let known = ["estimator", "beta", "in", "unbiased"];
    let mut fields = Fields::new(&part.name, &part.fields, &known, errors);
    let estimator = fields.word("estimator", &ESTIMATORS, errors);
    let beta = fields.number("beta", 0.0, 10.0, errors);
    let place = fields.word_or("in", &["loss", "reward"], errors);
    let unbiased = fields.word_or("unbiased", &["false", "true"], errors);
    let (estimator, beta, place) = (camel(&estimator?), beta?, camel(&place?));
    let unbiased = unbiased? == "true";
    Some(quote! {
        ::vrt_core::objective::KlSpec {
            estimator: ::vrt_core::objective::KlEstimator::#estimator,
            beta: #beta,
            place: ::vrt_core::objective::KlPlace::#place,
            unbiased: #unbiased,
        }
    })
}

fn reduction(part: &Part, errors: &mut Errors) -> Option<TokenStream> {
    const NAMES: [&str; 4] = [
        "per_sample_mean",
        "token_mean",
        "global_token_mean",
        "sum_over_constant",
    ];
    let word = match part.value() {
        Some(Value::Word(word)) if word != "sum_over_constant" => word,
        Some(Value::Call(word, constant)) if word == "sum_over_constant" => {
            if *constant < 1.0 {
                errors.on(word, "the constant is a number of tokens: write at least 1");
            }
            return Some(quote!(::vrt_core::objective::Reduce::SumOverConstant(#constant)));
        }
        Some(Value::Word(word) | Value::Call(word, _)) => {
            let hint = if word == "sum_over_constant" {
                "it needs its constant, a number of tokens: `sum_over_constant(1024)`".to_owned()
            } else {
                meant(&word.to_string(), NAMES)
            };
            errors.on(
                word,
                format!("`{word}` is not a reduction as it stands; {hint}"),
            );
            return None;
        }
        _ => {
            errors.on(
                &part.name,
                format!("`reduce` takes a word; {}", meant("", NAMES)),
            );
            return None;
        }
    };
    if !NAMES.contains(&word.to_string().as_str()) {
        errors.on(
            word,
            format!(
                "`{word}` is not a reduction; {}",
                meant(&word.to_string(), NAMES)
            ),
        );
        return None;
    }
    let name = camel(word);
    Some(quote!(::vrt_core::objective::Reduce::#name))
}

fn groups(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Option<TokenStream>> {
    let verb: Ident = input.parse()?;
    if verb == "keep" {
        let all: Ident = input.parse()?;
        if all != "all" {
            errors.on(&all, "write `groups keep all;`: no group is drawn again");
        }
        return Ok(Some(resample(false, false)));
    }
    if verb != "resample" {
        let written = verb.to_string();
        let hint = meant(&written, ["resample", "keep"]);
        errors.on(
            &verb,
            format!("`{written}` is nothing that is done with groups; {hint}"),
        );
        // What follows belongs to a verb that is not known.
        input.parse::<TokenStream>()?;
        return Ok(None);
    }
    let when: Ident = input.parse()?;
    if when != "when" {
        errors.on(
            &when,
            "write `resample when …`: the condition follows `when`",
        );
    }
    let conditions = Punctuated::<Ident, Token![|]>::parse_separated_nonempty(input)?;
    let known = ["all_correct", "all_wrong"];
    for (i, condition) in conditions.iter().enumerate() {
        let written = condition.to_string();
        if !known.contains(&written.as_str()) {
            errors.on(
                condition,
                format!(
                    "`{written}` is not a condition of groups; {}",
                    meant(&written, known)
                ),
            );
        } else if conditions
            .iter()
            .take(i)
            .any(|earlier| earlier == condition)
        {
            errors.on(condition, format!("`{written}` is already given; keep one"));
        }
    }
    let has = |name: &str| conditions.iter().any(|condition| condition == name);
    Ok(Some(resample(has("all_correct"), has("all_wrong"))))
}

fn resample(all_correct: bool, all_wrong: bool) -> TokenStream {
    quote! {
        ::vrt_core::objective::Resample { all_correct: #all_correct, all_wrong: #all_wrong }
    }
}

/// The fields in the braces of one part.
struct Fields<'a> {
    part: &'a Ident,
    fields: &'a [Field],
}

impl<'a> Fields<'a> {
    fn new(part: &'a Ident, fields: &'a [Field], known: &[&str], errors: &mut Errors) -> Self {
        for (i, field) in fields.iter().enumerate() {
            let written = field.name.to_string();
            if !known.contains(&written.as_str()) {
                errors.on(
                    &field.name,
                    format!(
                        "`{written}` is not a field of `{part}`; {}",
                        meant(&written, known.iter().copied())
                    ),
                );
            } else if fields[..i].iter().any(|earlier| earlier.name == field.name) {
                errors.on(
                    &field.name,
                    format!("`{written}` is already given; keep one"),
                );
            }
        }
        Self { part, fields }
    }

    fn find(&self, name: &str) -> Option<&'a Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    fn expect(&mut self, name: &str, example: &str, errors: &mut Errors) -> Option<&'a Field> {
        let found = self.find(name);
        let misspelt = self
            .fields
            .iter()
            .any(|field| strsim::jaro_winkler(&field.name.to_string(), name) > 0.8);
        if found.is_none() && !misspelt {
            errors.on(
                self.part,
                format!("`{}` has no `{name}`: add `{name}: {example}`", self.part),
            );
        }
        found
    }

    fn word(&mut self, name: &str, known: &[&str], errors: &mut Errors) -> Option<Ident> {
        let field = self.expect(name, known.first()?, errors)?;
        let hint = |written: &str| meant(written, known.iter().copied());
        match &field.value {
            Value::Word(word) if known.contains(&word.to_string().as_str()) => Some(word.clone()),
            Value::Word(word) | Value::Call(word, _) => {
                let written = word.to_string();
                errors.on(
                    word,
                    format!("`{written}` is no choice for `{name}`; {}", hint(&written)),
                );
                None
            }
            Value::Number(_, expr) => {
                errors.on(expr, format!("`{name}` takes a word; {}", hint("")));
                None
            }
        }
    }

    /// A word, or the first of the known ones where it is left out.
    fn word_or(&mut self, name: &str, known: &[&str], errors: &mut Errors) -> Option<Ident> {
        match self.find(name) {
            Some(_) => self.word(name, known, errors),
            None => Some(Ident::new(known.first()?, Span::call_site())),
        }
    }

    /// A number, if it is given.
    fn maybe(&mut self, name: &str, low: f64, high: f64, errors: &mut Errors) -> Option<f64> {
        self.find(name)?;
        self.number(name, low, high, errors)
    }

    /// A number, or another where it is left out.
    fn number_or(
        &mut self,
        name: &str,
        default: f64,
        low: f64,
        high: f64,
        errors: &mut Errors,
    ) -> Option<f64> {
        match self.find(name) {
            Some(_) => self.number(name, low, high, errors),
            None => Some(default),
        }
    }

    fn number(&mut self, name: &str, low: f64, high: f64, errors: &mut Errors) -> Option<f64> {
        let example = if (low..=high).contains(&0.2) {
            0.2
        } else {
            low + 1.0
        };
        let field = self.expect(name, &example.to_string(), errors)?;
        match &field.value {
            Value::Number(value, expr) => {
                if !(low..=high).contains(value) {
                    errors.on(
                        expr,
                        format!("`{name}` is {value}, outside {low} to {high}; choose a value in that range"),
                    );
                }
                Some(*value)
            }
            Value::Word(word) | Value::Call(word, _) => {
                errors.on(
                    word,
                    format!("`{name}` takes a number from {low} to {high}"),
                );
                None
            }
        }
    }
}

/// `leave_one_out` → `LeaveOneOut`.
fn camel(word: &Ident) -> Ident {
    let text: String = word
        .to_string()
        .split('_')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect();
    format_ident!("{text}")
}

/// The value of a literal weight, or the name of a declared one.
pub fn named(weight: &Expr) -> Option<&Ident> {
    match weight {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    }
}
