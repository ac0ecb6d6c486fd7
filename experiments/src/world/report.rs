//! In: what a look at some frames told. Out: the words of one reasoning unit.
//!
//! What is resolved goes into the unit's `<Snapshot>`, because it must outlive its frames; what is
//! only suspected goes into its `<Think>`, because the next call is reasoned from it.

use vrt_core::pair::{Dimension, FrameOffset, Side};

use super::subject::{Colour, Event, Shape};
use super::words::{self, Found, MISMATCH, Word};

/// What a video's sprite looks like, and whether the prompt asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Looks {
    /// The colour that is seen.
    pub colour: Colour,
    /// Whether it is the one that was asked for.
    pub colour_matches: bool,
    /// The shape that is seen.
    pub shape: Shape,
    /// Whether it is the one that was asked for.
    pub shape_matches: bool,
}

/// Something that is settled, or known to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// In which video.
    pub side: Side,
    /// In which dimension.
    pub dimension: Dimension,
    /// What was found.
    pub found: Found,
    /// The event that was seen, where the core of a TA site was: it is named before it is judged.
    pub shown: Option<Event>,
}

/// A trace of a moment that has not been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suspect {
    /// In which video.
    pub side: Side,
    /// In which dimension.
    pub dimension: Dimension,
    /// The nearest frame that was seen.
    pub anchor: FrameOffset,
    /// Where the moment should be, in frames from the anchor; within ±14.
    pub offset: i8,
}

/// What one unit has to say. Within it, video 1 comes first, and TA before VQ before MQ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// What both sprites look like: in the first unit only.
    pub caption: Option<[Looks; 2]>,
    /// Which videos had new frames to look at.
    pub looked: [bool; 2],
    /// What is settled, and what is lost.
    pub findings: Vec<Finding>,
    /// What is suspected.
    pub suspects: Vec<Suspect>,
}

impl Report {
    /// The words of the `<Snapshot>`: caption, findings, and `clear` for a video that was looked at
    /// and of which the report has nothing to say.
    pub fn snapshot(&self) -> Vec<Word> {
        let mut out = Vec::new();
        for looks in self.caption.iter().flatten() {
            out.push(Word::Piece(words::colour(looks.colour)));
            if !looks.colour_matches {
                out.push(Word::Piece(MISMATCH));
            }
            out.push(Word::Piece(words::shape(looks.shape)));
            if !looks.shape_matches {
                out.push(Word::Piece(MISMATCH));
            }
        }
        for side in Side::BOTH {
            for finding in self.findings.iter().filter(|finding| finding.side == side) {
                let shown = finding.shown.map(words::event).map(Word::Piece);
                out.extend(shown);
                out.push(Word::Piece(words::finding(
                    side,
                    finding.dimension,
                    finding.found,
                )));
            }
            if self.looked[side as usize] && self.is_silent_on(side) {
                out.push(Word::Piece(words::clear(side)));
            }
        }
        out
    }

    /// The words of the `<Think>`: each suspect with its anchor and its offset.
    pub fn think(&self) -> Vec<Word> {
        self.suspects
            .iter()
            .flat_map(|suspect| {
                [
                    Word::Piece(words::suspicion(suspect.side, suspect.dimension)),
                    Word::Frame(suspect.side, suspect.anchor),
                    Word::Piece(words::offset(suspect.offset)),
                ]
            })
            .collect()
    }

    /// All words: [`Report::snapshot`], then [`Report::think`].
    pub fn words(&self) -> Vec<Word> {
        [self.snapshot(), self.think()].concat()
    }

    fn is_silent_on(&self, side: Side) -> bool {
        let found = self.findings.iter().any(|finding| finding.side == side);
        let suspected = self.suspects.iter().any(|suspect| suspect.side == side);
        !found && !suspected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_report_reads_as_specified() {
        let looks = Looks {
            colour: Colour::Red,
            colour_matches: true,
            shape: Shape::Ring,
            shape_matches: false,
        };
        let report = Report {
            caption: Some([looks; 2]),
            looked: [true; 2],
            findings: vec![Finding {
                side: Side::First,
                dimension: Dimension::TextAlignment,
                found: Found::Bad,
                shown: Some(Event::Then(Colour::Cyan)),
            }],
            suspects: vec![Suspect {
                side: Side::First,
                dimension: Dimension::MotionQuality,
                anchor: FrameOffset(12),
                offset: -5,
            }],
        };
        let caption = ["red", "ring", "!", "red", "ring", "!"];
        let found = ["then-cyan", "A:TA:bad", "B:clear"];
        let snapshot: Vec<Word> = caption.into_iter().chain(found).map(Word::Piece).collect();
        assert_eq!(report.snapshot(), snapshot);
        assert_eq!(
            report.think(),
            [
                Word::Piece("A:MQ:?"),
                Word::Frame(Side::First, FrameOffset(12)),
                Word::Piece("-5"),
            ]
        );
    }

    #[test]
    fn a_video_is_clear_only_without_suspects_and_only_if_looked_at() {
        let suspect = Suspect {
            side: Side::First,
            dimension: Dimension::VisualQuality,
            anchor: FrameOffset(3),
            offset: 4,
        };
        let mut report = Report {
            caption: None,
            looked: [true, false],
            findings: Vec::new(),
            suspects: vec![suspect],
        };
        assert_eq!(report.snapshot(), []);
        report.suspects.clear();
        assert_eq!(report.snapshot(), [Word::Piece("A:clear")]);
    }
}
