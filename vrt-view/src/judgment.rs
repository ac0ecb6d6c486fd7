//! In: a verdict or a judgment. Out: the digits of the trace format, by their keys.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vrt_core::pair::{Confidence, Judgment, Preference, Verdict};

/// `{"TA": 1, "VQ": 0, "MQ": 2, "OA": 1}`, and `"CF"` where a confidence was stated: the digits of the trace format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct JudgmentRecord {
    /// Text alignment.
    #[serde(with = "digit")]
    pub ta: Preference,
    /// Visual quality.
    #[serde(with = "digit")]
    pub vq: Preference,
    /// Motion quality.
    #[serde(with = "digit")]
    pub mq: Preference,
    /// Overall.
    #[serde(with = "digit")]
    pub oa: Preference,
    /// How sure the judge is.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_confidence",
        deserialize_with = "read_confidence"
    )]
    pub cf: Option<Confidence>,
}

impl JudgmentRecord {
    /// The verdict without its confidence.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            dimensions: [self.ta, self.vq, self.mq],
            overall: self.oa,
        }
    }
}

impl From<Verdict> for JudgmentRecord {
    fn from(verdict: Verdict) -> Self {
        let [ta, vq, mq] = verdict.dimensions;
        Self {
            ta,
            vq,
            mq,
            oa: verdict.overall,
            cf: None,
        }
    }
}

impl From<Judgment> for JudgmentRecord {
    fn from(judgment: Judgment) -> Self {
        Self {
            cf: judgment.confidence,
            ..judgment.verdict.into()
        }
    }
}

mod digit {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Preference, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(value.digit())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Preference, D::Error> {
        let digit = u8::deserialize(from)?;
        Preference::from_digit(digit)
            .ok_or_else(|| serde::de::Error::custom(format!("{digit} is none of 0, 1, 2")))
    }
}

fn write_confidence<S: Serializer>(value: &Option<Confidence>, to: S) -> Result<S::Ok, S::Error> {
    value.map(Confidence::digit).serialize(to)
}

fn read_confidence<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Confidence>, D::Error> {
    let Some(digit) = Option::<u8>::deserialize(from)? else {
        return Ok(None);
    };
    match Confidence::from_digit(digit) {
        Some(confidence) => Ok(Some(confidence)),
        None => Err(serde::de::Error::custom(format!(
            "{digit} is none of 1, 2, 3"
        ))),
    }
}
