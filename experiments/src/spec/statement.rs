//! `better > worse + margin`: sums of arms, of which the best of several may stand for one, on the pairs they are
//! judged on.
//!
//! One grammar for the claims of a spec and for those over several (`claims.toml`):
//!
//! ```text
//! statement := sum `>` sum
//! sum       := term (`+` term | `-` term)*
//! term      := points | judge | `max(` judge (`,` judge)* `)`
//! judge     := [experiment `:`] arm [`[` split or group `]`]
//! ```

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A claim's comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// What is claimed to be more.
    pub better: Sum,
    /// What it is compared with.
    pub worse: Sum,
    /// Points by which it must be more; negative where less is enough.
    pub margin: f64,
}

/// Terms, each with its sign.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum(pub Vec<Term>);

/// One part of a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether it is taken off.
    pub minus: bool,
    /// One judge, or several of which the best counts.
    pub best_of: Vec<Judge>,
}

/// Whose number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judge {
    /// The experiment it takes part in, where it is not the one that claims.
    pub experiment: Option<String>,
    /// The arm.
    pub arm: String,
    /// The split or group of splits, where it is not the claim's.
    pub part: Option<String>,
}

/// What a statement may look like.
const EXPECTED: &str = "write `better > worse`, `better > worse + points`, `better > max(one, other)`, \
                        `a - b > c - d`, or `arm[split] > arm[other_split]`";

impl Statement {
    /// Reads a statement; the error is a sentence.
    ///
    /// # Errors
    /// What was expected, when `text` is no comparison of arms.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sides = text.split_once('>').and_then(|(better, worse)| {
            let ((better, more), (worse, less)) = (sum(better)?, sum(worse)?);
            let named = !better.0.is_empty() && !worse.0.is_empty();
            named.then_some(Self {
                better,
                worse,
                margin: less - more,
            })
        });
        sides.ok_or_else(|| EXPECTED.to_owned())
    }

    /// Everyone it names.
    pub fn judges(&self) -> impl Iterator<Item = &Judge> {
        let terms = self.better.0.iter().chain(&self.worse.0);
        terms.flat_map(|term| &term.best_of)
    }

    /// The same with `experiment` beside every judge that names none.
    pub fn of(mut self, experiment: &str) -> Self {
        self.each(|judge| {
            judge
                .experiment
                .get_or_insert_with(|| experiment.to_owned());
        });
        self
    }

    /// The same as `experiment` itself says it.
    pub fn at_home(mut self, experiment: &str) -> Self {
        self.each(|judge| {
            judge.experiment.take_if(|named| named == experiment);
        });
        self
    }

    fn each(&mut self, change: impl Fn(&mut Judge)) {
        let terms = self.better.0.iter_mut().chain(&mut self.worse.0);
        terms.flat_map(|term| &mut term.best_of).for_each(change);
    }

    /// Its terms as `better - worse`.
    pub fn terms(&self) -> impl Iterator<Item = Term> {
        let flipped = |term: &Term| Term {
            minus: !term.minus,
            ..term.clone()
        };
        let better = self.better.0.iter().cloned();
        better.chain(self.worse.0.iter().map(flipped))
    }
}

/// Terms and the points beside them.
fn sum(text: &str) -> Option<(Sum, f64)> {
    let (mut terms, mut points) = (Vec::new(), 0.0);
    let (mut rest, mut minus) = (text, false);
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let word = word.trim();
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => points += if minus { -number } else { number },
            Ok(_) => return None,
            Err(_) => terms.push(Term {
                minus,
                best_of: best_of(word)?,
            }),
        }
        let Some(sign) = after.chars().next() else {
            return Some((Sum(terms), points));
        };
        minus = sign == '-';
        rest = &after[1..];
    }
}

/// `max(a, b)` or `a`.
fn best_of(word: &str) -> Option<Vec<Judge>> {
    match word.strip_prefix("max(") {
        Some(inside) => inside.strip_suffix(')')?.split(',').map(judge).collect(),
        None => Some(vec![judge(word)?]),
    }
}

/// `table1:full[tied]`.
fn judge(word: &str) -> Option<Judge> {
    let (experiment, rest) = match word.split_once(':') {
        Some((experiment, rest)) => (Some(name(experiment)?), rest),
        None => (None, word),
    };
    let (arm, part) = match rest.split_once('[') {
        Some((arm, part)) => (arm, Some(name(part.trim_end().strip_suffix(']')?)?)),
        None => (rest, None),
    };
    Some(Judge {
        experiment,
        arm: name(arm)?,
        part,
    })
}

/// An identifier; `.`, `@` and `=` name splits of a benchmark and steps of a sweep.
fn name(word: &str) -> Option<String> {
    let word = word.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.@=".contains(c);
    let good = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(plain);
    good.then(|| word.to_owned())
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(experiment) = &self.experiment {
            write!(f, "{experiment}:")?;
        }
        f.write_str(&self.arm)?;
        match &self.part {
            Some(part) => write!(f, "[{part}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.0.iter().enumerate() {
            f.write_str(match (i, term.minus) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            })?;
            match &term.best_of[..] {
                [one] => write!(f, "{one}")?,
                several => {
                    let names: Vec<String> = several.iter().map(Judge::to_string).collect();
                    write!(f, "max({})", names.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.better, self.worse)?;
        match self.margin {
            margin if margin > 0.0 => write!(f, " + {margin}"),
            margin if margin < 0.0 => write!(f, " - {}", -margin),
            _ => Ok(()),
        }
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match sum(&text) {
            Some((sum, 0.0)) if !sum.0.is_empty() => Ok(sum),
            _ => Err(D::Error::custom(format!("`{text}` is no sum of arms"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_margins_sums_parts_and_the_best_of_several() {
        for (text, better, worse, margin) in [
            ("oracle > cold_start + 8", "oracle", "cold_start", 8.0),
            ("full > rft - 1.5", "full", "rft", -1.5),
            ("full + 2 > rft", "full", "rft", -2.0),
            ("a > max(b, c@k=0.5)", "a", "max(b, c@k=0.5)", 0.0),
            ("a_2 - a > b_2 - b + 1", "a_2 - a", "b_2 - b", 1.0),
            (
                "t2:full[tied.rest] > t1:full[ rest ] - 3",
                "t2:full[tied.rest]",
                "t1:full[rest]",
                -3.0,
            ),
        ] {
            let read = Statement::parse(text).unwrap();
            let shown = (read.better.to_string(), read.worse.to_string());
            assert_eq!(shown, (better.to_owned(), worse.to_owned()), "{text}");
            assert_eq!(read.margin, margin, "{text}");
            assert_eq!(Statement::parse(&read.to_string()).unwrap(), read);
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<Statement>(&json).unwrap(), read);
        }
    }

    #[test]
    fn the_terms_are_the_difference() {
        let read = Statement::parse("a - b > c - d").unwrap();
        let signs: Vec<(bool, String)> = read
            .terms()
            .map(|term| (term.minus, term.best_of[0].to_string()))
            .collect();
        let expected = [(false, "a"), (true, "b"), (true, "c"), (false, "d")];
        assert_eq!(signs, expected.map(|(minus, arm)| (minus, arm.to_owned())));
    }

    #[test]
    fn refuses_the_rest() {
        for wrong in [
            "full",
            "full < rft",
            "full > ",
            "full > 3",
            "full > rft + ",
            "full > rft + x y",
            "a > b > c",
            "a > b + -1",
            "a > b - inf",
            "a > max(b",
            "a > max()",
            "a > b c",
            "a > 2b",
            "a > b[c",
            "a > b[]",
            "a > :b",
        ] {
            assert!(Statement::parse(wrong).is_err(), "{wrong}");
        }
    }
}
