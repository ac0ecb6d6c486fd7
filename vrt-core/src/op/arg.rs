//! In: a JSON value. Out: a typed argument, or every reason why not.

use std::fmt::Debug;

use serde_json::{Value, json};

use super::{ArgFault, ArgProblem, GrammarPart, Limits, Slot, canonical_json};
use crate::pair::FrameIndex;

/// The largest length of a list or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// A number that the operation declares.
    Fixed(u32),
    /// What the workspace allows a call: [`Limits::frames_a_call`].
    FramesACall,
}

impl Most {
    /// The number in a workspace with these limits.
    pub fn within(self, limits: &Limits) -> u32 {
        match self {
            Self::Fixed(number) => number,
            Self::FramesACall => limits.frames_a_call,
        }
    }
}

/// The largest value of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Highest {
    /// A number that the operation declares.
    Fixed(f64),
    /// What the workspace allows a call: [`Limits::frames_a_call`].
    FramesACall,
}

impl Highest {
    /// The number in a workspace with these limits.
    pub fn within(self, limits: &Limits) -> f64 {
        match self {
            Self::Fixed(number) => number,
            Self::FramesACall => f64::from(limits.frames_a_call),
        }
    }
}

/// What `#[arg(…)]` says of an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ArgBounds {
    /// Smallest and largest length of a list or a text.
    pub len: Option<(u32, Most)>,
    /// Smallest and largest value of a number, or of the numbers of a list.
    pub range: Option<(f64, Highest)>,
    /// Whether a list may hold a value only once.
    pub distinct: bool,
}

impl ArgBounds {
    /// The bounds of one value of a list.
    fn of_item(self) -> Self {
        Self {
            len: None,
            distinct: false,
            ..self
        }
    }

    fn lens(self) -> (u32, Most) {
        self.len.unwrap_or((0, Most::Fixed(u32::MAX)))
    }

    fn lens_within(self, limits: &Limits) -> (u32, u32) {
        let (min, max) = self.lens();
        (min, max.within(limits))
    }

    /// The bounds of a number of a type that holds `low..=high`, in a workspace with these limits.
    fn range_within(self, low: f64, high: f64, limits: &Limits) -> (f64, f64) {
        let (a, b) = self.range.unwrap_or((low, Highest::Fixed(high)));
        (a.max(low), b.within(limits).min(high))
    }

    /// The same where no workspace is known: what it decides is unbounded.
    fn range_anywhere(self, low: f64, high: f64) -> (f64, f64) {
        match self.range {
            Some((a, Highest::Fixed(b))) => (a.max(low), b.min(high)),
            Some((a, Highest::FramesACall)) => (a.max(low), f64::from(Limits::SPELLED).min(high)),
            None => (low, high),
        }
    }
}

/// A type that a model can be asked to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a visual operation",
    label = "a model cannot be told how to write this type",
    note = "use `FrameIndex`, `u32`, `i64`, `f64`, `bool`, `String`, or a `Vec` of one of these; \
            or implement `vrt_core::op::OpArg` for your own type"
)]
pub trait OpArg: Sized + Clone + Debug + PartialEq + Send + Sync {
    /// The JSON schema of a value within these bounds.
    fn schema(bounds: &ArgBounds, limits: &Limits) -> Value;

    /// Reads a value; `None` exactly if a problem was added.
    fn read(
        value: &Value,
        path: &str,
        bounds: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self>;

    /// The canonical JSON text of the value.
    fn write(&self) -> String;

    /// What varies in the value's text.
    fn slot(bounds: &ArgBounds) -> Slot;

    /// How the value's text is made up.
    fn parts(bounds: &ArgBounds) -> Vec<GrammarPart> {
        vec![GrammarPart::Slot(Self::slot(bounds))]
    }
}

/// The JSON type of a value, with an article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn wrong(
    value: &Value,
    path: &str,
    wanted: &'static str,
    problems: &mut Vec<ArgProblem>,
) {
    let found = match value {
        Value::Number(number) => format!("the number {number}"),
        other => kind(other).to_owned(),
    };
    report(path, ArgFault::WrongType { wanted, found }, problems);
}

pub(super) fn report(path: &str, fault: ArgFault, problems: &mut Vec<ArgProblem>) {
    problems.push(ArgProblem {
        path: path.to_owned(),
        fault,
    });
}

impl OpArg for FrameIndex {
    fn schema(_: &ArgBounds, limits: &Limits) -> Value {
        json!({"type": "integer", "minimum": 1, "maximum": limits.pool.total()})
    }

    fn read(
        value: &Value,
        path: &str,
        _: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        let pool = limits.pool.total();
        if !(value.is_i64() || value.is_u64()) {
            wrong(value, path, "a frame number", problems);
            return None;
        }
        let frame = value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .and_then(FrameIndex::new)
            .filter(|frame| limits.pool.locate(*frame).is_some());
        if frame.is_none() {
            let frame = value.to_string();
            report(path, ArgFault::BeyondPool { frame, pool }, problems);
        }
        frame
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn slot(_: &ArgBounds) -> Slot {
        Slot::Frame
    }
}

/// Largest whole number that a JSON number holds exactly in every reader.
const EXACT: f64 = 9_007_199_254_740_991.0;

fn read_integer(
    value: &Value,
    path: &str,
    (low, high): (f64, f64),
    problems: &mut Vec<ArgProblem>,
) -> Option<i64> {
    if !(value.is_i64() || value.is_u64()) {
        wrong(value, path, "a whole number", problems);
        return None;
    }
    let number = value
        .as_i64()
        .filter(|number| (low..=high).contains(&(*number as f64)));
    if number.is_none() {
        let value = value.to_string();
        report(path, ArgFault::OutOfRange { value, low, high }, problems);
    }
    number
}

macro_rules! whole_numbers {
    ($($kind:ty: $low:expr, $high:expr;)*) => {$(
        impl OpArg for $kind {
            fn schema(bounds: &ArgBounds, limits: &Limits) -> Value {
                let (low, high) = bounds.range_within($low, $high, limits);
                json!({"type": "integer", "minimum": low as i64, "maximum": high as i64})
            }

            fn read(
                value: &Value,
                path: &str,
                bounds: &ArgBounds,
                limits: &Limits,
                problems: &mut Vec<ArgProblem>,
            ) -> Option<Self> {
                let range = bounds.range_within($low, $high, limits);
                let number = read_integer(value, path, range, problems)?;
                Some(number as $kind)
            }

            fn write(&self) -> String {
                self.to_string()
            }

            fn slot(bounds: &ArgBounds) -> Slot {
                let (low, high) = bounds.range_anywhere($low, $high);
                let (low, high) = (low as i64, high as i64);
                Slot::Integer { low, high }
            }
        }
    )*};
}

whole_numbers! {
    u32: 0.0, f64::from(u32::MAX);
    i64: -EXACT, EXACT;
}

impl OpArg for f64 {
    fn schema(bounds: &ArgBounds, limits: &Limits) -> Value {
        let mut schema = json!({"type": "number"});
        if bounds.range.is_some() {
            let (low, high) = bounds.range_within(f64::MIN, f64::MAX, limits);
            schema["minimum"] = json!(low);
            schema["maximum"] = json!(high);
        }
        schema
    }

    fn read(
        value: &Value,
        path: &str,
        bounds: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        let Some(number) = value.as_f64() else {
            wrong(value, path, "a number", problems);
            return None;
        };
        let (low, high) = bounds.range_within(f64::MIN, f64::MAX, limits);
        if !(low..=high).contains(&number) {
            let value = value.to_string();
            report(path, ArgFault::OutOfRange { value, low, high }, problems);
            return None;
        }
        Some(number)
    }

    fn write(&self) -> String {
        canonical_json(self)
    }

    fn slot(bounds: &ArgBounds) -> Slot {
        let (low, high) = bounds.range_anywhere(f64::MIN, f64::MAX);
        Slot::Real { low, high }
    }
}

impl OpArg for bool {
    fn schema(_: &ArgBounds, _: &Limits) -> Value {
        json!({"type": "boolean"})
    }

    fn read(
        value: &Value,
        path: &str,
        _: &ArgBounds,
        _: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            wrong(value, path, "`true` or `false`", problems);
        }
        read
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn slot(_: &ArgBounds) -> Slot {
        Slot::Boolean
    }
}

fn check_len(
    found: usize,
    unit: &'static str,
    path: &str,
    (min, max): (u32, u32),
    problems: &mut Vec<ArgProblem>,
) {
    if found < min as usize || found > max as usize {
        let fault = ArgFault::Length {
            found,
            unit,
            min,
            max,
        };
        report(path, fault, problems);
    }
}

impl OpArg for String {
    fn schema(bounds: &ArgBounds, limits: &Limits) -> Value {
        let (min, max) = bounds.lens_within(limits);
        json!({"type": "string", "minLength": min, "maxLength": max})
    }

    fn read(
        value: &Value,
        path: &str,
        bounds: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        let Some(text) = value.as_str() else {
            wrong(value, path, "a text", problems);
            return None;
        };
        let before = problems.len();
        let lens = bounds.lens_within(limits);
        check_len(text.chars().count(), "characters", path, lens, problems);
        (problems.len() == before).then(|| text.to_owned())
    }

    fn write(&self) -> String {
        canonical_json(self)
    }

    fn slot(bounds: &ArgBounds) -> Slot {
        let (_, max) = bounds.lens();
        Slot::Text { max }
    }
}

impl<T: OpArg> OpArg for Vec<T> {
    fn schema(bounds: &ArgBounds, limits: &Limits) -> Value {
        let (min, max) = bounds.lens_within(limits);
        let mut schema = json!({
            "type": "array",
            "items": T::schema(&bounds.of_item(), limits),
            "minItems": min,
            "maxItems": max,
        });
        if bounds.distinct {
            schema["uniqueItems"] = json!(true);
        }
        schema
    }

    fn read(
        value: &Value,
        path: &str,
        bounds: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        let Some(items) = value.as_array() else {
            wrong(value, path, "a list", problems);
            return None;
        };
        let before = problems.len();
        let lens = bounds.lens_within(limits);
        check_len(items.len(), "values", path, lens, problems);
        let mut read: Vec<T> = Vec::new();
        // What is beyond the largest length is one fault, not one a value.
        for (i, item) in items.iter().enumerate().take(lens.1 as usize) {
            let at = format!("{path}[{i}]");
            if bounds.distinct
                && let Some(first) = items[..i].iter().position(|earlier| earlier == item)
            {
                let first = format!("{path}[{first}]");
                let value = canonical_json(item);
                report(&at, ArgFault::Repeated { value, first }, problems);
                continue;
            }
            read.extend(T::read(item, &at, &bounds.of_item(), limits, problems));
        }
        (problems.len() == before).then_some(read)
    }

    fn write(&self) -> String {
        let items: Vec<String> = self.iter().map(T::write).collect();
        format!("[{}]", items.join(", "))
    }

    fn slot(bounds: &ArgBounds) -> Slot {
        let (min, max) = bounds.lens();
        match T::slot(&bounds.of_item()) {
            Slot::Frame => Slot::Frames { min, max },
            of => Slot::List {
                of: Box::new(of),
                min,
                max,
            },
        }
    }

    fn parts(bounds: &ArgBounds) -> Vec<GrammarPart> {
        vec![
            GrammarPart::Fixed("[".to_owned()),
            GrammarPart::Slot(Self::slot(bounds)),
            GrammarPart::Fixed("]".to_owned()),
        ]
    }
}
