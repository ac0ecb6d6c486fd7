//! In: a parameter's declaration. Out: everything that generated code asks of its type, behind one bound.
//!
//! A type without an [`OpArg`] impl is named once, at [`param`], not at every use.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{
    ArgBounds, ArgError, ArgFault, ArgProblem, GrammarPart, Limits, OpArg, ParamSchema, arg, error,
    grammar,
};

/// A declared parameter and the functions of its type.
pub struct Param<T> {
    name: &'static str,
    doc: &'static str,
    bounds: ArgBounds,
    schema: fn(&ArgBounds, &Limits) -> Value,
    read: fn(&Value, &str, &ArgBounds, &Limits, &mut Vec<ArgProblem>) -> Option<T>,
    write: fn(&T) -> String,
    parts: fn(&ArgBounds) -> Vec<GrammarPart>,
    copy: fn(&T) -> T,
    same: fn(&T, &T) -> bool,
    debug: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
}

/// Declares a parameter.
pub const fn param<T: OpArg>(name: &'static str, doc: &'static str, bounds: ArgBounds) -> Param<T> {
    Param {
        name,
        doc,
        bounds,
        schema: T::schema,
        read: T::read,
        write: T::write,
        parts: T::parts,
        copy: T::clone,
        same: T::eq,
        debug: <T as fmt::Debug>::fmt,
    }
}

impl<T> Param<T> {
    /// The parameter's schema with its documentation.
    pub fn schema(&self, limits: &Limits) -> ParamSchema {
        let mut schema = (self.schema)(&self.bounds, limits);
        if let Value::Object(map) = &mut schema {
            map.insert("description".to_owned(), json!(self.doc));
        }
        ParamSchema {
            name: self.name,
            schema,
        }
    }

    /// The parameter's name and the canonical text of a value.
    pub fn write(&self, value: &T) -> (&'static str, String) {
        (self.name, (self.write)(value))
    }

    /// The parameter's name and how its text is made up.
    pub fn parts(&self) -> (&'static str, Vec<GrammarPart>) {
        (self.name, (self.parts)(&self.bounds))
    }

    /// A copy of a value.
    pub fn copy(&self, value: &T) -> T {
        (self.copy)(value)
    }

    /// Whether two values are the same.
    pub fn same(&self, a: &T, b: &T) -> bool {
        (self.same)(a, b)
    }

    /// The value as a programmer reads it.
    pub fn debug<'a>(&'a self, value: &'a T) -> impl fmt::Debug + 'a {
        struct Shown<'a, T>(&'a Param<T>, &'a T);
        impl<T> fmt::Debug for Shown<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (self.0.debug)(self.1, f)
            }
        }
        Shown(self, value)
    }
}

/// Reads the arguments of one call and collects every fault.
pub struct Reader<'a> {
    map: Option<&'a Map<String, Value>>,
    limits: &'a Limits,
    known: Vec<&'static str>,
    problems: Vec<ArgProblem>,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub fn new(arguments: &'a Value, limits: &'a Limits) -> Self {
        let map = arguments.as_object();
        let problems = match map {
            Some(_) => Vec::new(),
            None => vec![ArgProblem {
                path: "arguments".to_owned(),
                fault: ArgFault::NotAnObject {
                    found: arg::kind(arguments),
                },
            }],
        };
        Self {
            map,
            limits,
            known: Vec::new(),
            problems,
        }
    }

    /// Reads one argument.
    pub fn read<T>(&mut self, param: &Param<T>) -> Option<T> {
        self.known.push(param.name);
        let Some(value) = self.map?.get(param.name) else {
            self.problems.push(ArgProblem {
                path: param.name.to_owned(),
                fault: ArgFault::Missing { doc: param.doc },
            });
            return None;
        };
        (param.read)(
            value,
            param.name,
            &param.bounds,
            self.limits,
            &mut self.problems,
        )
    }

    /// Ends with the arguments, or with every fault.
    ///
    /// # Errors
    /// [`ArgError`] if anything was wrong.
    pub fn finish<A>(mut self, arguments: Option<A>) -> Result<A, ArgError> {
        for key in self.map.into_iter().flat_map(Map::keys) {
            if !self.known.contains(&key.as_str()) {
                self.problems.push(ArgProblem {
                    path: key.clone(),
                    fault: ArgFault::Unknown {
                        nearest: error::nearest(key, &self.known),
                        known: self.known.clone(),
                    },
                });
            }
        }
        match arguments {
            Some(arguments) if self.problems.is_empty() => Ok(arguments),
            _ => Err(ArgError {
                problems: self.problems,
            }),
        }
    }
}

/// The canonical text of a call with these arguments.
pub fn render_call(name: &str, arguments: &[(&'static str, String)]) -> String {
    let mut text = grammar::opening(name);
    for (i, (argument, value)) in arguments.iter().enumerate() {
        text.push_str(&grammar::key(i, argument));
        text.push_str(value);
    }
    text.push_str(grammar::CLOSING);
    text
}
