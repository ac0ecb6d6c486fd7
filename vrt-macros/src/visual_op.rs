//! In: a function under `#[visual_op]`. Out: the function, its typed arguments, and its `VisualOp` impl.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, FnArg, GenericArgument, ItemFn, Pat, PatType, PathArguments, Token, Type};

use crate::diagnostics::{Errors, meant};
use crate::{docs, function, number};

/// A declared operation.
struct Op {
    /// The function without our attributes.
    item: ItemFn,
    /// The description that the model reads.
    doc: String,
    /// The arguments in order.
    params: Vec<Param>,
    /// The name by which the function calls its workspace.
    view: Ident,
    /// The most visual tokens that the outcome can cost, over the arguments and the workspace.
    cost: Option<Expr>,
}

/// What `#[visual_op(…)]` says.
struct Head {
    cost: Expr,
}

impl Parse for Head {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key: Ident = input.call(Ident::parse_any)?;
        if key != "cost" {
            let written = key.to_string();
            return Err(syn::Error::new(
                key.span(),
                format!(
                    "`{written}` says nothing about an operation; {}: the name, the text and the bounds come from the function",
                    meant(&written, ["cost"])
                ),
            ));
        }
        if input.is_empty() {
            return Err(syn::Error::new(
                key.span(),
                "`cost` has no value: write the most visual tokens that a call can bring, \
                 `cost = view.limits.pictures(4)`",
            ));
        }
        input.parse::<Token![=]>()?;
        let cost = input.parse()?;
        if !input.is_empty() {
            return Err(input.error("an operation declares its cost and nothing else; remove this"));
        }
        Ok(Self { cost })
    }
}

/// One argument of the call.
struct Param {
    /// Its key in the call.
    name: Ident,
    /// Its type; implements `OpArg`.
    ty: Type,
    /// Its description in the schema.
    doc: String,
    /// What `#[arg(…)]` says.
    bounds: Bounds,
}

/// What `#[arg(…)]` says.
#[derive(Default)]
struct Bounds {
    /// Length of a list or a text.
    len: Option<(u32, Most)>,
    /// Bounds of a number.
    range: Option<(f64, Highest)>,
    /// No value twice.
    distinct: bool,
}

/// The largest length of a list or a text.
enum Most {
    /// A number.
    Fixed(u32),
    /// What the workspace allows a call.
    FramesACall,
}

/// The largest value of a number.
enum Highest {
    /// A number.
    Fixed(f64),
    /// What the workspace allows a call.
    FramesACall,
}

/// What a type is, as far as its words tell.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    List,
    Text,
    Whole,
    Real,
    Frame,
    Boolean,
    Own,
}

const KEYS: [&str; 3] = ["len", "range", "distinct"];

/// Expands `#[visual_op]`.
pub fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = syn::Error::new(
                first_span(&item),
                "`#[visual_op]` goes over a function: its parameters are the call's arguments",
            )
            .to_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let cost = if attr.is_empty() {
        None
    } else {
        match syn::parse2::<Head>(attr) {
            Ok(head) => Some(head.cost),
            Err(error) => {
                errors.push(error);
                None
            }
        }
    };
    let op = check(&function, cost, &mut errors);
    if errors.is_empty() {
        return emit(&op);
    }
    let errors = errors.tokens();
    let fallback = match function.sig.receiver() {
        // A method stands where no type may stand beside it.
        Some(_) => {
            let item = &op.item;
            quote!(#item)
        }
        None => fallback(&op.item),
    };
    quote!(#errors #fallback)
}

/// The first word that belongs to no attribute.
fn first_span(item: &TokenStream) -> Span {
    item.clone()
        .into_iter()
        .find(|token| matches!(token, TokenTree::Ident(_)))
        .map_or_else(Span::call_site, |token| token.span())
}

fn check(function: &ItemFn, cost: Option<Expr>, errors: &mut Errors) -> Op {
    let name = &function.sig.ident;
    function::check_plain("a visual operation", function, errors);
    let doc = docs::text(&function.attrs).unwrap_or_else(|| {
        errors.on(
            name,
            format!(
                "operation `{name}` needs a doc comment: it is the description from which the model \
                 learns what the tool is for; write `/// …` over the function"
            ),
        );
        String::new()
    });
    let why = "the evidence, or an error that tells the model what to mend";
    function::check_result("a visual operation", "OpResult", why, function, errors);

    let mut inputs = function.sig.inputs.iter();
    let mut view = format_ident!("view");
    match inputs.next() {
        Some(FnArg::Typed(first)) if function::refers_to(&first.ty, "Workspace", true) => {
            if let Pat::Ident(name) = &*first.pat {
                view = name.ident.clone();
            }
        }
        Some(FnArg::Typed(other)) => errors.on(
            &other.ty,
            "the first parameter is `view: &mut Workspace<'_>`: an operation works on the frames of \
             both videos",
        ),
        Some(FnArg::Receiver(receiver)) => errors.on(
            receiver,
            "a visual operation has no `self`: it works on `view: &mut Workspace<'_>`",
        ),
        None => errors.on(
            name,
            format!(
                "operation `{name}` has no workspace to look into: its first parameter is \
                 `view: &mut Workspace<'_>`"
            ),
        ),
    }
    let params = inputs
        .filter_map(|input| match input {
            FnArg::Typed(param) => check_param(param, errors),
            FnArg::Receiver(_) => None,
        })
        .collect();
    Op {
        item: function::stripped(function),
        doc,
        params,
        view,
        cost,
    }
}

fn check_param(param: &PatType, errors: &mut Errors) -> Option<Param> {
    function::check_param_attrs("arg", &param.attrs, errors);
    let name = function::param_name(param, "it is the argument's key in the call", errors)?;
    let doc = docs::text(&param.attrs).unwrap_or_else(|| {
        errors.on(
            name,
            format!(
                "parameter `{name}` needs a doc comment: it is the field's description in the schema \
                 the model reads; write `/// …` before it"
            ),
        );
        String::new()
    });
    let bounds = check_bounds(param, errors);
    Some(Param {
        name: name.clone(),
        ty: (*param.ty).clone(),
        doc,
        bounds,
    })
}

fn check_bounds(param: &PatType, errors: &mut Errors) -> Bounds {
    let mut bounds = Bounds::default();
    let mut seen: Vec<String> = Vec::new();
    let kind = kind(&param.ty);
    let item = item_type(&param.ty).map(self::kind);
    if item == Some(Kind::List) {
        errors.on(
            &param.ty,
            "a list of lists has no canonical text; take two arguments instead",
        );
    }
    if let Type::Reference(reference) = &*param.ty {
        errors.on(
            reference,
            "an argument is owned, because it is read from the call: write `String` for `&str`, \
             `Vec<T>` for `&[T]`",
        );
    }
    for attr in param
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("arg"))
    {
        let parsed = attr.parse_nested_meta(|meta| {
            let key = meta
                .path
                .get_ident()
                .map_or_else(String::new, Ident::to_string);
            if seen.contains(&key) {
                errors.on(&meta.path, format!("`{key}` is already given; keep one"));
            }
            match key.as_str() {
                "len" => {
                    bounds.len = length(&meta, errors)?;
                    if !matches!(kind, Kind::List | Kind::Text | Kind::Own) {
                        errors.on(
                            &meta.path,
                            "only a list or a text has a length; bound a number with `range = low..=high`",
                        );
                    }
                }
                "range" => {
                    let numbers = item.unwrap_or(kind);
                    bounds.range = range(&meta, numbers, errors)?;
                    check_range_fits(&meta, numbers, errors);
                }
                "distinct" => {
                    bounds.distinct = true;
                    if !matches!(kind, Kind::List | Kind::Own) {
                        errors.on(
                            &meta.path,
                            "only the values of a list can be distinct; remove `distinct`",
                        );
                    }
                }
                other => {
                    errors.on(
                        &meta.path,
                        format!("`{other}` is not a bound of an argument; {}", meant(other, KEYS)),
                    );
                    if meta.input.peek(syn::Token![=]) {
                        meta.value()?.parse::<Expr>()?;
                    }
                }
            }
            seen.push(key);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
    let unbounded = match kind {
        Kind::List => "a list",
        Kind::Text => "a text",
        _ => return bounds,
    };
    if !seen.iter().any(|key| key == "len") {
        errors.on(
            &param.ty,
            format!("{unbounded} needs a length, because the model has to be told how much it may write: add `#[arg(len = 1..=8)]`"),
        );
    }
    bounds
}

fn length(meta: &ParseNestedMeta<'_>, errors: &mut Errors) -> syn::Result<Option<(u32, Most)>> {
    let expr: Expr = meta.value()?.parse()?;
    if let Some((low, word)) = named_most(&expr) {
        match number::literal(low) {
            Err(error) => errors.push(error),
            Ok(low) if low < 0.0 || low.fract() != 0.0 => {
                errors.on(&expr, "a length is a whole number, at least 0");
            }
            Ok(low) if known_to_workspace(word, "length", errors) => {
                return Ok(Some((low as u32, Most::FramesACall)));
            }
            Ok(_) => {}
        }
        return Ok(None);
    }
    match number::range(&expr) {
        Err(error) => errors.push(error),
        Ok(range) if range.high < 1.0 || range.low < 0.0 || range.high > f64::from(u32::MAX) => {
            errors.on(&expr, "a length is at least 0 and its upper end at least 1");
        }
        Ok(range) if range.low.fract() != 0.0 || range.high.fract() != 0.0 => {
            errors.on(&expr, "a length is a whole number");
        }
        Ok(range) => return Ok(Some((range.low as u32, Most::Fixed(range.high as u32)))),
    }
    Ok(None)
}

/// Whether the workspace decides a number of this name.
fn known_to_workspace(word: &Ident, what: &str, errors: &mut Errors) -> bool {
    let known = word == "frames_a_call";
    if !known {
        errors.on(
            word,
            format!(
                "`{word}` is no {what} that the workspace knows; write a number, or {}",
                meant(&word.to_string(), ["frames_a_call"])
            ),
        );
    }
    known
}

/// `1..=frames_a_call`: a length or a range whose upper end the workspace decides.
fn named_most(expr: &Expr) -> Option<(&Expr, &Ident)> {
    let (low, high) = number::ends(expr).ok()?;
    match high {
        Expr::Path(path) => Some((low, path.path.get_ident()?)),
        _ => None,
    }
}

fn range(
    meta: &ParseNestedMeta<'_>,
    kind: Kind,
    errors: &mut Errors,
) -> syn::Result<Option<(f64, Highest)>> {
    let expr: Expr = meta.value()?.parse()?;
    if let Some((low, word)) = named_most(&expr) {
        match number::literal(low) {
            Err(error) => errors.push(error),
            Ok(low) if kind == Kind::Whole && low.fract() != 0.0 => {
                errors.on(&expr, "the bounds of a whole number are whole numbers");
            }
            Ok(low) if known_to_workspace(word, "bound", errors) => {
                return Ok(Some((low, Highest::FramesACall)));
            }
            Ok(_) => {}
        }
        return Ok(None);
    }
    match number::range(&expr) {
        Err(error) => errors.push(error),
        Ok(range)
            if kind == Kind::Whole && (range.low.fract() != 0.0 || range.high.fract() != 0.0) =>
        {
            errors.on(&expr, "the bounds of a whole number are whole numbers");
        }
        Ok(range) => return Ok(Some((range.low, Highest::Fixed(range.high)))),
    }
    Ok(None)
}

fn check_range_fits(meta: &ParseNestedMeta<'_>, kind: Kind, errors: &mut Errors) {
    match kind {
        Kind::Whole | Kind::Real | Kind::Own => {}
        Kind::Frame => errors.on(
            &meta.path,
            "the bounds of a frame number come from the workspace's pool; remove `range`",
        ),
        Kind::List | Kind::Text | Kind::Boolean => errors.on(
            &meta.path,
            "only a number has a range; bound a list or a text with `len = low..=high`",
        ),
    }
}

fn kind(ty: &Type) -> Kind {
    match function::last_word(ty).map(Ident::to_string).as_deref() {
        Some("Vec") => Kind::List,
        Some("String") => Kind::Text,
        Some("u32" | "i64") => Kind::Whole,
        Some("f64") => Kind::Real,
        Some("FrameIndex") => Kind::Frame,
        Some("bool") => Kind::Boolean,
        _ => Kind::Own,
    }
}

/// The type of a list's values.
fn item_type(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(item) if last.ident == "Vec" => Some(item),
        _ => None,
    }
}

fn emit(op: &Op) -> TokenStream {
    let Op {
        item,
        doc,
        params,
        view,
        cost,
    } = op;
    let vis = &item.vis;
    let name = &item.sig.ident;
    let text = name.to_string();
    let args = args_name(name);
    let docs = item.attrs.iter().filter(|attr| docs::is_doc(attr));
    let args_doc = format!("The arguments of one call of `{name}`.");

    let fields: Vec<&Ident> = params.iter().map(|param| &param.name).collect();
    let consts: Vec<Ident> = (0..params.len())
        .map(|i| format_ident!("ARG_{i}"))
        .collect();
    let declared_fields = params
        .iter()
        .map(|Param { name, ty, doc, .. }| quote!(#[doc = #doc] pub #name: #ty));
    let declared_consts = params.iter().zip(&consts).map(|(param, constant)| {
        let Param {
            name,
            ty,
            doc,
            bounds,
        } = param;
        let key = name.to_string();
        let bounds = bounds.tokens();
        // One bound site a parameter: a type without a schema is one error, under the type.
        let call = quote_spanned!(ty.span()=> __vrt::param::<#ty>);
        quote!(const #constant: __vrt::Param<#ty> = #call(#key, #doc, #bounds);)
    });

    let cost = match cost {
        None => quote!(::core::option::Option::None),
        Some(cost) => {
            let cost = quote_spanned!(cost.span()=> { let cost: u32 = #cost; cost });
            quote! {
                #(let #fields = #consts.copy(&args.#fields);)*
                ::core::option::Option::Some(#cost)
            }
        }
    };

    quote! {
        #item

        #(#docs)*
        #[allow(non_camel_case_types)]
        #vis enum #name {}

        #[doc = #args_doc]
        #vis struct #args { #(#declared_fields,)* }

        #[allow(unused_variables, unused_mut)]
        const _: () = {
            use ::vrt_core::__private as __vrt;

            #(#declared_consts)*

            impl ::core::clone::Clone for #args {
                fn clone(&self) -> Self {
                    Self { #(#fields: #consts.copy(&self.#fields),)* }
                }
            }

            impl ::core::cmp::PartialEq for #args {
                fn eq(&self, other: &Self) -> bool {
                    true #(&& #consts.same(&self.#fields, &other.#fields))*
                }
            }

            impl ::core::fmt::Debug for #args {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#text)
                        #(.field(::core::stringify!(#fields), &#consts.debug(&self.#fields)))*
                        .finish()
                }
            }

            impl ::vrt_core::op::VisualOp for #name {
                const NAME: &'static str = #text;
                const DOC: &'static str = #doc;
                type Args = #args;

                fn params(
                    limits: &::vrt_core::op::Limits,
                ) -> ::std::vec::Vec<::vrt_core::op::ParamSchema> {
                    ::std::vec![#(#consts.schema(limits)),*]
                }

                fn parse(
                    arguments: &__vrt::serde_json::Value,
                    limits: &::vrt_core::op::Limits,
                ) -> ::core::result::Result<Self::Args, ::vrt_core::op::ArgError> {
                    let mut reader = __vrt::Reader::new(arguments, limits);
                    #(let #fields = reader.read(&#consts);)*
                    reader.finish((|| ::core::option::Option::Some(#args { #(#fields: #fields?,)* }))())
                }

                fn run(
                    view: &mut ::vrt_core::op::Workspace<'_>,
                    args: Self::Args,
                ) -> ::vrt_core::op::OpResult {
                    #name(view #(, args.#fields)*)
                }

                fn cost(
                    args: &Self::Args,
                    #view: &::vrt_core::op::Workspace<'_>,
                ) -> ::core::option::Option<u32> {
                    #cost
                }

                fn render(args: &Self::Args) -> ::std::string::String {
                    __vrt::render_call(#text, &[#(#consts.write(&args.#fields)),*])
                }

                fn grammar() -> ::vrt_core::op::OpGrammar {
                    ::vrt_core::op::OpGrammar::new(#text, &[#(#consts.parts()),*])
                }
            }
        };
    }
}

impl Bounds {
    fn tokens(&self) -> TokenStream {
        let len = match &self.len {
            None => quote!(::core::option::Option::None),
            Some((low, most)) => {
                let most = match most {
                    Most::Fixed(number) => quote!(::vrt_core::op::Most::Fixed(#number)),
                    Most::FramesACall => quote!(::vrt_core::op::Most::FramesACall),
                };
                quote!(::core::option::Option::Some((#low, #most)))
            }
        };
        let range = match &self.range {
            None => quote!(::core::option::Option::None),
            Some((low, highest)) => {
                let highest = match highest {
                    Highest::Fixed(number) => quote!(::vrt_core::op::Highest::Fixed(#number)),
                    Highest::FramesACall => quote!(::vrt_core::op::Highest::FramesACall),
                };
                quote!(::core::option::Option::Some((#low, #highest)))
            }
        };
        let distinct = self.distinct;
        quote!(::vrt_core::op::ArgBounds { len: #len, range: #range, distinct: #distinct })
    }
}

/// `select_frames` → `SelectFramesArgs`.
fn args_name(name: &Ident) -> Ident {
    let camel: String = name
        .to_string()
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect();
    format_ident!("{camel}Args", span = name.span())
}

/// Stands in for a refused operation, so that an op set that lists it reports nothing further.
fn fallback(item: &ItemFn) -> TokenStream {
    let vis = &item.vis;
    let name = &item.sig.ident;
    quote! {
        #[allow(dead_code, unused_variables)]
        #item

        #[allow(non_camel_case_types, dead_code)]
        #vis enum #name {}

        impl ::vrt_core::op::VisualOp for #name {
            const NAME: &'static str = "";
            const DOC: &'static str = "";
            type Args = ();

            fn params(_: &::vrt_core::op::Limits) -> ::std::vec::Vec<::vrt_core::op::ParamSchema> {
                ::core::unreachable!()
            }

            fn parse(
                _: &::vrt_core::__private::serde_json::Value,
                _: &::vrt_core::op::Limits,
            ) -> ::core::result::Result<(), ::vrt_core::op::ArgError> {
                ::core::unreachable!()
            }

            fn run(_: &mut ::vrt_core::op::Workspace<'_>, _: ()) -> ::vrt_core::op::OpResult {
                ::core::unreachable!()
            }

            fn cost(_: &(), _: &::vrt_core::op::Workspace<'_>) -> ::core::option::Option<u32> {
                ::core::unreachable!()
            }

            fn render(_: &()) -> ::std::string::String {
                ::core::unreachable!()
            }

            fn grammar() -> ::vrt_core::op::OpGrammar {
                ::core::unreachable!()
            }
        }
    }
}
