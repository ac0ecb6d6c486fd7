//! In: the tokens of a reply with their log-probabilities. Out: the probability that the judge gave each digit of its answer.

use std::ops::Range;

use serde::Serialize;
use vrt_core::pair::{Dimension, Preference, Verdict};
use vrt_core::policy::SampledToken;

/// The probability of each digit as it was written, given all that stands before it; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Certainty {
    /// Text alignment.
    pub ta: Option<f64>,
    /// Visual quality.
    pub vq: Option<f64>,
    /// Motion quality.
    pub mq: Option<f64>,
    /// Overall.
    pub oa: Option<f64>,
}

impl Certainty {
    /// What the tokens of the last reply say of its verdict; `None` where there are no log-probabilities at all.
    pub fn of(sampled: &[SampledToken], verdict: &Verdict) -> Option<Self> {
        if sampled.is_empty() {
            return None;
        }
        let mut text = String::new();
        let mut spans: Vec<(Range<usize>, Option<f32>)> = Vec::with_capacity(sampled.len());
        for token in sampled {
            let from = text.len();
            text.push_str(&token.text.to_ascii_uppercase());
            spans.push((from..text.len(), token.logp));
        }
        let probability = |key: &str, written: Preference| {
            let at = digit(&text, key, written)?;
            let token = spans.iter().find(|(span, _)| span.contains(&at))?;
            let probability = f64::from(token.1?).exp();
            (0.0..=1.0 + 1e-6)
                .contains(&probability)
                .then_some(probability.min(1.0))
        };
        let of = |dimension: Dimension| probability(dimension.key(), verdict.get(dimension));
        Some(Self {
            ta: of(Dimension::TextAlignment),
            vq: of(Dimension::VisualQuality),
            mq: of(Dimension::MotionQuality),
            oa: probability("OA", verdict.overall),
        })
    }

    /// By [`Dimension`], then overall.
    pub fn each(&self) -> [Option<f64>; 4] {
        [self.ta, self.vq, self.mq, self.oa]
    }
}

/// Where the digit stands that the last `KEY = digit` of the text has; `None` unless it is the digit of the verdict.
fn digit(text: &str, key: &str, written: Preference) -> Option<usize> {
    let (at, found) = text.rmatch_indices(key).find_map(|(at, _)| {
        let rest = &text[at + key.len()..];
        let after = rest.trim_start().strip_prefix('=')?.trim_start();
        let digit = after.chars().next().filter(char::is_ascii_digit)?;
        Some((text.len() - after.len(), digit)).filter(|(place, _)| *place > at)
    })?;
    (found.to_digit(10) == Some(u32::from(written.digit()))).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(parts: &[(&str, f32)]) -> Vec<SampledToken> {
        let token = |(text, logp): &(&str, f32)| SampledToken {
            token: None,
            text: (*text).to_owned(),
            logp: logp.is_finite().then_some(*logp),
        };
        parts.iter().map(token).collect()
    }

    fn verdict() -> Verdict {
        Verdict {
            dimensions: [Preference::First, Preference::Tie, Preference::Second],
            overall: Preference::First,
        }
    }

    #[test]
    fn a_digit_has_the_probability_of_the_token_it_stands_in() {
        let sampled = tokens(&[
            ("<Think>first I thought TA=2", -9.0),
            ("</Think>\n<Answer>TA", -9.0),
            ("=", -9.0),
            ("1", -0.5),
            (", vq = ", -9.0),
            ("0,", -0.25),
            (" MQ=2", f32::NEG_INFINITY),
            (", OA=1</Answer>", -0.125),
        ]);
        let certainty = Certainty::of(&sampled, &verdict()).unwrap();
        let near = |found: Option<f64>, logp: f64| (found.unwrap() - logp.exp()).abs() < 1e-7;
        assert!(near(certainty.ta, -0.5), "{certainty:?}");
        assert!(near(certainty.vq, -0.25), "{certainty:?}");
        assert_eq!(certainty.mq, None);
        assert!(near(certainty.oa, -0.125), "{certainty:?}");
    }

    #[test]
    fn nothing_is_claimed_of_a_digit_that_is_not_the_verdicts() {
        let sampled = tokens(&[("<Answer>TA=2, VQ=, MQ=2, OA", -0.5), ("=1", 4.0)]);
        let certainty = Certainty::of(&sampled, &verdict()).unwrap();
        assert_eq!(certainty.each()[..2], [None, None]);
        assert!(certainty.mq.is_some());
        // A log-probability above 0 is none.
        assert_eq!(certainty.oa, None);
        assert_eq!(Certainty::of(&[], &verdict()), None);
    }
}
