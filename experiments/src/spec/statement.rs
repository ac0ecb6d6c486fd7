//! `better > worse + margin`, or `no_worse > than - margin`.

use serde::Serialize;

/// A claim's comparison of two arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// The arm that is claimed to be better.
    pub better: String,
    /// The arm it is compared with.
    pub worse: String,
    /// Points by which it must be better; negative for points by which it may be worse.
    pub margin: f64,
}

impl Statement {
    /// Reads a statement; the error is a sentence.
    ///
    /// # Errors
    /// What was expected, when `text` is none of `a > b`, `a > b + number` and `a > b - number`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            "write `better > worse`, `better > worse + points` or `better > worse - points`";
        let (better, rest) = text.split_once('>').ok_or(expected)?;
        let (worse, margin) = match rest.find(['+', '-']) {
            Some(sign) => {
                let number: f64 = rest[sign + 1..].trim().parse().map_err(|_| expected)?;
                if !number.is_finite() || number < 0.0 {
                    return Err(expected.to_owned());
                }
                let less = rest[sign..].starts_with('-');
                (&rest[..sign], if less { -number } else { number })
            }
            None => (rest, 0.0),
        };
        let name = |text: &str| {
            let text = text.trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
        };
        Ok(Self {
            better: name(better).ok_or(expected)?,
            worse: name(worse).ok_or(expected)?,
            margin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_margin_and_refuses_the_rest() {
        let read = Statement::parse("oracle > cold_start + 8").unwrap();
        assert_eq!(
            (read.better.as_str(), read.worse.as_str(), read.margin),
            ("oracle", "cold_start", 8.0)
        );
        assert_eq!(Statement::parse("a > b - 3").unwrap().margin, -3.0);
        for wrong in [
            "full",
            "full < rft",
            "full > ",
            "full > rft + x",
            "a > b > c",
            "a > b + -1",
            "a > b - inf",
        ] {
            assert!(Statement::parse(wrong).is_err(), "{wrong}");
        }
    }
}
