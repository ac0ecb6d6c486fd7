//! In: a declared operation. Out: the trait that everything else about it follows from.

use std::fmt::Debug;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::json::{Readable, canonical_json};
use super::{ArgError, Limits, OpGrammar, OpResult, Workspace};

/// The schema of one argument, as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSchema {
    /// The argument's name.
    pub name: &'static str,
    /// Its JSON schema, with the documentation as `description`.
    pub schema: Value,
}

/// A visual operation. Declared with `#[visual_op]`, not by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a visual operation",
    label = "this has no schema that a model could be shown",
    note = "write `#[visual_op]` over the function of that name"
)]
pub trait VisualOp {
    /// The name that the model calls.
    const NAME: &'static str;
    /// What the operation is for: the description in the prompt.
    const DOC: &'static str;
    /// The typed arguments of one call.
    type Args: Clone + Debug + PartialEq + Send + Sync;

    /// The schema of each argument in the order of the declaration, with bounds from the workspace.
    fn params(limits: &Limits) -> Vec<ParamSchema>;

    /// Reads the arguments of a call.
    ///
    /// # Errors
    /// [`ArgError`] with every fault: unknown and missing names, wrong types, values out of bounds.
    fn parse(arguments: &Value, limits: &Limits) -> Result<Self::Args, ArgError>;

    /// Carries out a call.
    ///
    /// # Errors
    /// Whatever the operation itself refuses; see [`super::OpError`].
    fn run(view: &mut Workspace<'_>, args: Self::Args) -> OpResult;

    /// The most visual tokens that the outcome can cost, if the operation declares it.
    fn cost(args: &Self::Args, view: &Workspace<'_>) -> Option<u32>;

    /// The canonical text of a call, from `<tool_call>` to `</tool_call>`.
    fn render(args: &Self::Args) -> String;

    /// The canonical text of all calls as fixed parts and slots.
    fn grammar() -> OpGrammar;

    /// The arguments' JSON schema, draft 2020-12.
    fn schema(limits: &Limits) -> Value {
        let params = Self::params(limits);
        let required: Vec<&str> = params.iter().map(|param| param.name).collect();
        let properties: Map<String, Value> = params
            .iter()
            .map(|param| (param.name.to_owned(), param.schema.clone()))
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// The function's line between `<tools>` and `</tools>` in the prompt, in the Qwen / Nous format.
    fn signature(limits: &Limits) -> String {
        canonical_json(&Function {
            name: Self::NAME,
            description: Self::DOC,
            params: &Self::params(limits),
        })
    }

    /// All that a prompt or a server needs to offer the operation.
    fn spec(limits: &Limits) -> OpSpec {
        OpSpec {
            name: Self::NAME,
            doc: Self::DOC,
            schema: Self::schema(limits),
            signature: Self::signature(limits),
        }
    }
}

/// An operation as it is offered to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct OpSpec {
    /// The name that the model calls.
    pub name: &'static str,
    /// What the operation is for.
    pub doc: &'static str,
    /// The arguments' JSON schema, draft 2020-12.
    pub schema: Value,
    /// The function's line in the prompt.
    pub signature: String,
}

struct Function<'a> {
    name: &'a str,
    description: &'a str,
    params: &'a [ParamSchema],
}

impl Serialize for Function<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            name: &'a str,
            description: &'a str,
            parameters: Parameters<'a>,
        }
        #[derive(Serialize)]
        struct Parameters<'a> {
            r#type: &'a str,
            properties: Properties<'a>,
            required: Vec<&'a str>,
        }
        struct Properties<'a>(&'a [ParamSchema]);
        impl Serialize for Properties<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|p| (p.name, Readable(&p.schema))))
            }
        }

        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "function")?;
        map.serialize_entry(
            "function",
            &Body {
                name: self.name,
                description: self.description,
                parameters: Parameters {
                    r#type: "object",
                    properties: Properties(self.params),
                    required: self.params.iter().map(|p| p.name).collect(),
                },
            },
        )?;
        map.end()
    }
}
