use proptest::prelude::*;
use vrt_core::op::{GrammarPart, OpGrammar, OpSet, PaperOps, Slot, Workspace};
use vrt_core::pair::{Confidence, Dimension, FrameIndex, FrameOffset, Pool, Side};
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};
use vrt_core::trace::{Action, UnitError, read_unit};

use crate::support::pair;

const LONGEST: u32 = 30;
const WORDS: [&str; 10] = [
    "red", "ring", "!", "A:TA:bad", "B:clear", "+0", "+3", "-4", "+18", "-18",
];

fn vocabulary() -> Vocabulary {
    Vocabulary::new(&PaperOps::grammars(), &WORDS, LONGEST, 512).expect("it fits")
}

fn ids(vocabulary: &Vocabulary, pieces: &[Piece]) -> Vec<u32> {
    pieces
        .iter()
        .map(|piece| vocabulary.id(piece).expect("the piece is known"))
        .collect()
}

fn word(text: &str) -> Piece {
    Piece::Word(text.to_owned())
}

fn frame(side: Side, offset: u32) -> Piece {
    Piece::Frame(side, FrameOffset(offset))
}

/// `<Snapshot>red</Snapshot><Think>…</Think><Recommend Answer>…</Recommend Answer><tool_call>` and the list.
fn calling(list: &[Piece]) -> Vec<Piece> {
    let mut pieces = vec![
        Piece::Snapshot,
        word("red"),
        Piece::Think,
        word("!"),
        Piece::Recommend,
    ];
    pieces.extend(judgment([0, 1, 2, 1]));
    pieces.extend([Piece::Confidence(Confidence::Low), Piece::Call(0, 0)]);
    pieces.extend_from_slice(list);
    pieces.push(Piece::Call(0, 2));
    pieces
}

fn judgment(digits: [u8; 4]) -> Vec<Piece> {
    let keys = Dimension::ALL.map(Some).into_iter().chain([None]);
    keys.zip(digits)
        .map(|(key, digit)| Piece::Preference(key, digit))
        .collect()
}

#[test]
fn every_piece_has_a_text_of_its_own() {
    let vocabulary = vocabulary();
    let pool = Pool::new(LONGEST, LONGEST);
    let mut texts: Vec<String> = vocabulary
        .iter()
        .filter(|(_, piece)| **piece != Piece::Query)
        .map(|(id, piece)| {
            let text = vocabulary.render(&[id], pool);
            assert!(!text.is_empty(), "{piece:?} has no text");
            text
        })
        .collect();
    let all = texts.len();
    assert_eq!(all, vocabulary.len() - 2, "id 0 and the query have none");
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all, "two pieces have one text");
    assert_eq!(vocabulary.render(&[0], pool), "\u{fffd}");
    assert_eq!(
        vocabulary.render(&[vocabulary.len() as u32], pool),
        "\u{fffd}"
    );
}

#[test]
fn an_id_is_its_pieces_and_its_pieces_alone() {
    let vocabulary = vocabulary();
    for (id, piece) in vocabulary.iter() {
        assert_eq!(vocabulary.id(piece), Ok(id), "{piece:?}");
        assert_eq!(vocabulary.piece(id), Some(piece));
    }
    assert_eq!(vocabulary.piece(0), None);
    assert!(!vocabulary.is_empty());
}

#[test]
fn a_call_is_spelled_from_its_anchor() {
    let vocabulary = vocabulary();
    let list = [
        frame(Side::Second, 4),
        Piece::Offset(3),
        Piece::Offset(-4),
        Piece::Offset(-18),
    ];
    let text = vocabulary.render(&ids(&vocabulary, &calling(&list)), Pool::new(24, 24));
    // Video 2 begins at 25: 4 + 3, 4 − 4; the beginning of the video is named already.
    let call = "<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [32, 25]}}</tool_call>";
    assert!(text.ends_with(call), "{text}");
    assert_eq!(read_unit(&text).map(|unit| unit.to_string()), Ok(text));
}

#[test]
fn a_frame_beyond_the_pool_and_an_offset_without_anchor_are_refused() {
    let vocabulary = vocabulary();
    let pool = Pool::new(24, 24);
    let read =
        |list: &[Piece]| read_unit(&vocabulary.render(&ids(&vocabulary, &calling(list)), pool));
    let wrong = [
        vec![frame(Side::First, 24), Piece::Offset(3)],
        vec![
            frame(Side::First, 4),
            Piece::Offset(3),
            frame(Side::Second, 29),
        ],
        vec![Piece::Offset(3)],
        vec![Piece::Offset(3), frame(Side::First, 4), Piece::Offset(3)],
    ];
    for list in wrong {
        let error = read(&list).expect_err("the list is no list of frames");
        assert!(matches!(error, UnitError::Call { .. }), "{list:?}: {error}");
    }
    // An anchor alone names no frame: the reader takes it, the operation does not.
    let unit = read(&[frame(Side::First, 4)]).expect("an empty list is a list");
    let Action::Recommend { calls, .. } = unit.action else {
        panic!("it calls")
    };
    let pair = pair(1, 24);
    let error = PaperOps::call(
        &calls[0].name,
        &calls[0].arguments,
        &mut Workspace::new(&pair),
    );
    let text = error.expect_err("no frame is asked for").to_string();
    assert_eq!(
        text,
        "select_frames was not run: target_frames: 0 values, but 1 to 8 are allowed"
    );
}

#[test]
fn a_unit_is_complete_after_its_answer_or_its_call() {
    let vocabulary = vocabulary();
    let closing = vocabulary.closing();
    assert_eq!(
        closing,
        ids(&vocabulary, &[Piece::Call(0, 2), Piece::Close])
    );
    // A call that takes no argument is complete at once.
    let bare = OpGrammar::new("rewind", &[]);
    let vocabulary = Vocabulary::new(&[bare], &[], 0, 64).expect("it fits");
    assert_eq!(
        vocabulary.closing(),
        ids(&vocabulary, &[Piece::Call(0, 0), Piece::Close])
    );
}

#[test]
fn what_the_vocabulary_cannot_say_is_named() {
    let vocabulary = vocabulary();
    let unknown = vocabulary
        .words("red rnig")
        .expect_err("there is no such word");
    assert_eq!(unknown, VocabularyError::Unknown("rnig".to_owned()));
    assert_eq!(
        vocabulary.words(" red  +3 "),
        Ok(ids(&vocabulary, &[word("red"), Piece::Offset(3)]))
    );
    let beyond = FrameIndex::new(49).expect("not 0");
    assert!(vocabulary.frame(Pool::new(24, 24), beyond).is_err());
    assert!(
        vocabulary
            .frame(Pool::new(31, 31), FrameIndex::new(31).expect("not 0"))
            .is_err()
    );
    let slot = GrammarPart::Slot(Slot::Real {
        low: 0.0,
        high: 9.0,
    });
    let zoom = OpGrammar::new("zoom", &[("by", vec![slot])]);
    let unspeakable =
        Vocabulary::new(&[zoom], &[], 4, 512).expect_err("decimals cannot be spelled");
    assert_eq!(unspeakable, VocabularyError::Unspeakable("zoom"));
    let large =
        Vocabulary::new(&PaperOps::grammars(), &WORDS, LONGEST, 64).expect_err("64 is too few");
    assert!(
        matches!(large, VocabularyError::TooLarge { limit: 64, pieces } if pieces > 64),
        "{large}"
    );
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::First), Just(Side::Second)]
}

fn prose() -> impl Strategy<Value = Vec<Piece>> {
    let one = prop_oneof![
        prop::sample::select(&WORDS[..5]).prop_map(word),
        (side(), 0..24u32).prop_map(|(side, offset)| frame(side, offset)),
        prop::sample::select(vec![0i8, 3, -4, 18, -18]).prop_map(Piece::Offset),
    ];
    prop::collection::vec(one, 0..8)
}

/// An anchor and its offsets, and the frames they name in a pool of twice 24.
fn list() -> impl Strategy<Value = (Vec<Piece>, Vec<u32>)> {
    let offsets = prop::collection::vec(prop::sample::select(vec![0i8, 3, -4, 18, -18]), 1..6);
    (side(), 0..24u32, offsets).prop_map(|(side, anchor, offsets)| {
        let mut named: Vec<u32> = Vec::new();
        for &offset in &offsets {
            let place = (anchor as i32 + i32::from(offset)).clamp(0, 23) as u32;
            let number = 24 * side as u32 + place + 1;
            if !named.contains(&number) {
                named.push(number);
            }
        }
        let pieces = [frame(side, anchor)]
            .into_iter()
            .chain(offsets.into_iter().map(Piece::Offset));
        (pieces.collect(), named)
    })
}

/// A unit in format, with the frames it asks for, if it calls.
fn unit() -> impl Strategy<Value = (Vec<Piece>, Option<Vec<u32>>)> {
    let confidence = prop::option::of(prop::sample::select(Confidence::ALL.to_vec()));
    let digits = prop::array::uniform4(0u8..3);
    (
        prose(),
        prose(),
        digits,
        confidence,
        prop::option::of(list()),
    )
        .prop_map(|(snapshot, think, digits, confidence, list)| {
            let mut pieces = vec![Piece::Snapshot];
            pieces.extend(snapshot);
            pieces.push(Piece::Think);
            pieces.extend(think);
            pieces.push(if list.is_some() {
                Piece::Recommend
            } else {
                Piece::Answer
            });
            pieces.extend(judgment(digits));
            pieces.extend(confidence.map(Piece::Confidence));
            let Some((list, named)) = list else {
                pieces.push(Piece::Close);
                return (pieces, None);
            };
            pieces.push(Piece::Call(0, 0));
            pieces.extend(list);
            pieces.push(Piece::Call(0, 2));
            (pieces, Some(named))
        })
}

proptest! {
    #[test]
    fn a_unit_in_pieces_is_canonical_text((pieces, named) in unit()) {
        let vocabulary = vocabulary();
        let text = vocabulary.render(&ids(&vocabulary, &pieces), Pool::new(24, 24));
        let unit = read_unit(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(unit.to_string(), text);
        let asked = match &unit.action {
            Action::Answer(_) => None,
            Action::Recommend { calls, .. } => Some(calls[0].arguments["target_frames"].clone()),
        };
        prop_assert_eq!(asked, named.map(|frames| serde_json::json!(frames)));
    }

    /// A unit in format with a few tokens exchanged, lost or doubled: what a half-trained policy writes.
    #[test]
    fn no_sequence_of_tokens_is_beyond_the_reader(
        (pieces, _) in unit(),
        slips in prop::collection::vec((any::<prop::sample::Index>(), 0u32..120, 0u8..3), 0..6),
        keep in any::<prop::sample::Index>(),
        whole: bool,
    ) {
        let vocabulary = vocabulary();
        let mut tokens = ids(&vocabulary, &pieces);
        for (place, token, kind) in slips {
            if tokens.is_empty() {
                break;
            }
            let at = place.index(tokens.len());
            match kind {
                0 => tokens[at] = token,
                1 => drop(tokens.remove(at)),
                _ => tokens.insert(at, token),
            }
        }
        if !whole {
            tokens.truncate(keep.index(tokens.len() + 1));
        }
        let pair = pair(1, 24);
        let text = vocabulary.render(&tokens, pair.pool());
        match read_unit(&text) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(unit) => {
                prop_assert_eq!(read_unit(&unit.to_string()), Ok(unit.clone()));
                if let Action::Recommend { calls, .. } = &unit.action {
                    match PaperOps::call(&calls[0].name, &calls[0].arguments, &mut Workspace::new(&pair)) {
                        Ok(outcome) => {
                            prop_assert!(!outcome.views.is_empty() && outcome.views.len() <= 8);
                            let pool = pair.pool();
                            prop_assert!(outcome.views.iter().all(|view| pool.locate(view.frame()).is_some()));
                        }
                        Err(error) => prop_assert!(error.to_string().contains("select_frames")),
                    }
                }
            }
        }
    }
}
