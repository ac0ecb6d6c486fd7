//! In: a typed unit. Out: the one canonical text.

use std::fmt;

use super::{Action, Unit};
use crate::op::canonical_json;
use crate::pair::{Dimension, Judgment};

impl fmt::Display for Judgment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dimension in Dimension::ALL {
            write!(
                f,
                "{}={}, ",
                dimension.key(),
                self.verdict.get(dimension).digit()
            )?;
        }
        write!(f, "OA={}", self.verdict.overall.digit())?;
        match self.confidence {
            Some(confidence) => write!(f, ", CF={}", confidence.digit()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<Snapshot>{}</Snapshot>", self.snapshot.as_str())?;
        writeln!(f, "<Think>{}</Think>", self.think.as_str())?;
        match &self.action {
            Action::Answer(judgment) => write!(f, "<Answer>{judgment}</Answer>"),
            Action::Recommend { judgment, calls } => {
                write!(f, "<Recommend Answer>{judgment}</Recommend Answer>")?;
                for call in calls {
                    write!(
                        f,
                        "\n<tool_call>{{\"name\": {}, \"arguments\": {}}}</tool_call>",
                        canonical_json(&call.name),
                        canonical_json(&call.arguments)
                    )?;
                }
                Ok(())
            }
        }
    }
}
