//! In: a unit that somebody has written. Out: the tokens that spell it, as the tiny policy would have written it.
//!
//! The inverse of [`Vocabulary::render`] as far as there is one: what is spelled renders to the unit's canonical text. A list
//! of frames has several spellings; the one that is taken counts from the frame in its middle.

use serde_json::Value;

use super::{Piece, Vocabulary, VocabularyError};
use crate::op::{GrammarPart, OpGrammar, Slot, canonical_json};
use crate::pair::{FrameIndex, FrameOffset, Pool, Side};
use crate::trace::{Action, Call, Unit};

impl Vocabulary {
    /// The tokens of a unit whose frames are numbered in `pool`, from `<Snapshot>` on.
    ///
    /// # Errors
    /// [`VocabularyError`] names the first thing that there is no piece for.
    pub fn unit(&self, unit: &Unit, pool: Pool) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = vec![self.id(&Piece::Snapshot)?];
        self.prose(unit.snapshot.as_str(), pool, &mut tokens)?;
        tokens.push(self.id(&Piece::Think)?);
        self.prose(unit.think.as_str(), pool, &mut tokens)?;
        match &unit.action {
            Action::Answer(judgment) => {
                tokens.push(self.id(&Piece::Answer)?);
                tokens.extend(self.judgment(judgment)?);
                tokens.push(self.id(&Piece::Close)?);
            }
            Action::Recommend { judgment, calls } => {
                tokens.push(self.id(&Piece::Recommend)?);
                tokens.extend(self.judgment(judgment)?);
                let [call] = calls.as_slice() else {
                    return Err(VocabularyError::Calls(calls.len()));
                };
                tokens.extend(self.written_call(call, pool)?);
            }
        }
        Ok(tokens)
    }

    /// The words of a snapshot or a thought; `#7` names a frame of the pool.
    fn prose(&self, text: &str, pool: Pool, tokens: &mut Vec<u32>) -> Result<(), VocabularyError> {
        for word in text.split_whitespace() {
            match named(word) {
                Some(frame) => tokens.push(self.frame(pool, frame)?),
                None => tokens.extend(self.words(word)?),
            }
        }
        Ok(())
    }

    fn written_call(&self, call: &Call, pool: Pool) -> Result<Vec<u32>, VocabularyError> {
        let grammar = self.grammar(&call.name)?;
        let given = call.arguments.as_object();
        if let Some(name) = given
            .into_iter()
            .flat_map(|given| given.keys())
            .find(|name| !grammar.arguments.contains(&name.as_str()))
        {
            return Err(VocabularyError::Unknown(format!("the argument `{name}`")));
        }
        let slots = grammar.parts.iter().filter_map(|part| match part {
            GrammarPart::Slot(slot) => Some(slot),
            GrammarPart::Fixed(_) => None,
        });
        let mut arguments = Vec::new();
        for (name, slot) in grammar.arguments.iter().zip(slots) {
            let value = call.arguments.get(name).unwrap_or(&Value::Null);
            let spelled = self.argument(slot, value, pool);
            let unknown = || VocabularyError::Unknown(format!("{name}: {}", canonical_json(value)));
            arguments.push(spelled.ok_or_else(unknown)?);
        }
        self.call(&call.name, &arguments)
    }

    fn grammar(&self, name: &str) -> Result<&OpGrammar, VocabularyError> {
        let found = self.calls.iter().find(|grammar| grammar.name == name);
        found.ok_or_else(|| VocabularyError::UnknownOperation {
            name: name.to_owned(),
            known: self.calls.iter().map(|grammar| grammar.name).collect(),
        })
    }

    /// The pieces of an argument, if there are such.
    fn argument(&self, slot: &Slot, value: &Value, pool: Pool) -> Option<Vec<Piece>> {
        match slot {
            Slot::Frame => {
                let (side, offset) = place(value, pool)?;
                Some(vec![Piece::Frame(side, offset)])
            }
            Slot::Frames { .. } => {
                let places = value.as_array()?.iter().map(|one| place(one, pool));
                self.frames(&places.collect::<Option<Vec<_>>>()?, pool)
            }
            Slot::Integer { .. } => Some(vec![Piece::Number(value.as_i64()?)]),
            Slot::Boolean => Some(vec![Piece::Flag(value.as_bool()?)]),
            Slot::List { of, .. } => {
                let items = value.as_array()?.iter();
                let spelled = items.map(|item| self.argument(of, item, pool));
                Some(spelled.collect::<Option<Vec<_>>>()?.concat())
            }
            _ => None,
        }
    }

    /// An anchor and the distances from it; a new anchor where the next frame is too far away, or in the other video.
    fn frames(&self, places: &[(Side, FrameOffset)], pool: Pool) -> Option<Vec<Piece>> {
        let twice = |at: usize| places[..at].contains(&places[at]);
        if (0..places.len()).any(twice) {
            return None;
        }
        let mut pieces = Vec::new();
        let mut rest = places;
        while !rest.is_empty() {
            let runs = (1..=rest.len()).rev();
            let (run, spelled) = runs
                .filter_map(|run| Some((run, self.run(&rest[..run], pool)?)))
                .next()?;
            pieces.extend(spelled);
            rest = &rest[run..];
        }
        Some(pieces)
    }

    /// Frames of one video, counted from the anchor next to their middle from which there are words for all distances.
    fn run(&self, places: &[(Side, FrameOffset)], pool: Pool) -> Option<Vec<Piece>> {
        let (side, _) = *places.first()?;
        if places.iter().any(|(other, _)| *other != side) {
            return None;
        }
        let offsets = || places.iter().map(|(_, offset)| offset.0);
        let (low, high) = (offsets().min()?, offsets().max()?);
        let mut anchors: Vec<u32> = (0..pool.len(side)).collect();
        // In halves, so that the middle of two frames is as far from both.
        anchors.sort_by_key(|&anchor| {
            (2 * u64::from(anchor)).abs_diff(u64::from(low) + u64::from(high))
        });
        let spelled = |anchor: u32| {
            let known = |piece: Piece| self.id(&piece).is_ok().then_some(piece);
            let mut pieces = vec![known(Piece::Frame(side, FrameOffset(anchor)))?];
            for offset in offsets() {
                let distance = i64::from(offset) - i64::from(anchor);
                pieces.push(known(Piece::Offset(i8::try_from(distance).ok()?))?);
            }
            Some(pieces)
        };
        anchors.into_iter().find_map(spelled)
    }
}

/// The frame that a word such as `#7` names; no other way of writing the number is one.
fn named(word: &str) -> Option<FrameIndex> {
    let digits = word.strip_prefix('#')?;
    let number: u32 = digits.parse().ok()?;
    FrameIndex::new(number).filter(|_| digits == number.to_string())
}

/// The place of a frame that is given by its number.
fn place(value: &Value, pool: Pool) -> Option<(Side, FrameOffset)> {
    let number = u32::try_from(value.as_u64()?).ok()?;
    pool.locate(FrameIndex::new(number)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::op::{AllOps, OpSet};
    use crate::trace::read_unit;

    const WORDS: [&str; 9] = ["red", "ring", "-3", "-2", "-1", "+0", "+1", "+2", "+3"];

    fn vocabulary() -> Vocabulary {
        Vocabulary::new(&AllOps::grammars(), &WORDS, 12, 1000).unwrap()
    }

    fn pool() -> Pool {
        Pool::new(12, 9)
    }

    fn unit(call: &Value) -> String {
        format!(
            "<Snapshot>red #3 +1</Snapshot>\n<Think>ring #20</Think>\n<Recommend Answer>TA=0, VQ=1, MQ=2, OA=1, CF=2\
             </Recommend Answer>\n<tool_call>{}</tool_call>",
            canonical_json(call)
        )
    }

    fn spelled(text: &str) -> Result<Vec<u32>, VocabularyError> {
        vocabulary().unit(&read_unit(text).unwrap(), pool())
    }

    #[test]
    fn symmetric_frames_count_from_their_middle() {
        let text =
            unit(&json!({"name": "select_frames", "arguments": {"target_frames": [3, 4, 6, 7]}}));
        let tokens = spelled(&text).unwrap();
        let vocabulary = vocabulary();
        let tail: Vec<&Piece> = tokens
            .iter()
            .rev()
            .take(6)
            .map(|&id| vocabulary.piece(id).unwrap())
            .collect();
        let distances = [2, 1, -1, -2].map(Piece::Offset);
        assert_eq!(tail[1..5], distances.iter().collect::<Vec<_>>());
        assert_eq!(tail[5], &Piece::Frame(Side::First, FrameOffset(4)));
    }

    #[test]
    fn what_has_no_piece_is_named() {
        let call =
            |arguments: Value| unit(&json!({"name": "select_frames", "arguments": arguments}));
        let told = |text: &str| spelled(text).unwrap_err().to_string();
        assert!(told(&call(json!({"target_frames": [22]}))).contains("target_frames: [22]"));
        assert!(told(&call(json!({"target_frames": [3, 3]}))).contains("[3, 3]"));
        assert!(told(&call(json!({"target_frames": 3}))).contains("target_frames: 3"));
        assert!(told(&call(json!({}))).contains("target_frames: null"));
        assert!(
            told(&call(json!({"target_frames": [3], "more": 1}))).contains("the argument `more`")
        );
        assert!(
            told(&unit(&json!({"name": "guess", "arguments": {}})))
                .contains("no operation `guess`")
        );
        let whole = call(json!({"target_frames": [3]}));
        assert!(told(&whole.replace("red", "a fox")).contains("\"a\""));
        for name in ["#?", "#03", "#+3", "#0"] {
            let said = told(&whole.replace("#3", name));
            assert!(said.contains(&format!("{name:?}")), "{said}");
        }
        assert!(told(&whole.replace("#3", "#22")).contains("frame 22"));
        let (before, call) = whole.split_once("\n<tool_call>").unwrap();
        let twice = format!("{before}\n<tool_call>{call}\n<tool_call>{call}");
        assert!(told(&twice).contains("2 calls"));
    }

    fn frame() -> impl Strategy<Value = u32> {
        1..=pool().total()
    }

    fn edge() -> impl Strategy<Value = u32> {
        // Those that a range of 0..=1000 has pieces for.
        (0u32..=16).prop_map(|step| 1000 * step / 16)
    }

    fn calls() -> impl Strategy<Value = Value> {
        let named = |name: &'static str| move |arguments: Value| json!({"name": name, "arguments": arguments});
        let select = prop::collection::btree_set(frame(), 1..6)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
            .prop_map(|frames| json!({"target_frames": frames}));
        let zoom = (frame(), [edge(), edge(), edge(), edge()]).prop_map(|(frame, [l, t, r, b])| {
            json!({"frame": frame, "left": l, "top": t, "right": r, "bottom": b})
        });
        let range = (frame(), frame(), 1u32..8)
            .prop_map(|(first, last, count)| json!({"first": first, "last": last, "count": count}));
        let difference = (frame(), frame())
            .prop_map(|(before, after)| json!({"before": before, "after": after}));
        prop_oneof![
            select.prop_map(named("select_frames")),
            zoom.prop_map(named("zoom_in")),
            range.prop_map(named("sample_range")),
            difference.prop_map(named("frame_difference")),
            (1u32..4)
                .prop_map(|outcome| json!({"outcome": outcome}))
                .prop_map(named("recall")),
        ]
    }

    proptest! {
        /// Whatever is spelled reads back as the unit that was written.
        #[test]
        fn what_is_spelled_reads_back(call in calls()) {
            let written = read_unit(&unit(&call)).unwrap();
            let vocabulary = vocabulary();
            let tokens = vocabulary.unit(&written, pool());
            // Not every number of a wide range has a piece.
            let whole = ["sample_range", "recall"].iter().all(|name| call["name"] != *name);
            prop_assume!(tokens.is_ok() || whole);
            let text = vocabulary.render(&tokens.unwrap(), pool());
            prop_assert_eq!(read_unit(&text).unwrap(), written);
        }
    }
}
