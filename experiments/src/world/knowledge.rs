//! In: the facts of a pair and the frames that were seen. Out: what a perfect reader knows, and reports.
//!
//! A site is resolved once a seen frame lies in its core. Else, if the nearest seen frame is at most 12
//! frames away, it is suspected there, at a distance that is read with noise. The estimate is read
//! anew only when a nearer frame comes: the same evidence gives the same estimate, and a nearer one
//! that has left the window survives in the text. An asked event without any trace is lost.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use vrt_core::pair::{Confidence, Dimension, FrameIndex, FrameOffset, Judgment, Side};

use super::facts::{Flaw, PairFacts, verdict_of};
use super::report::{Finding, Looks, Report, Suspect};
use super::subject::Event;
use super::words::Found;

/// The farthest a seen frame may be from a site to betray it.
pub const SUSPECT_REACH: u32 = 12;

/// The largest distance that an estimate can say.
pub const ESTIMATE_REACH: i8 = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Unknown,
    Known { bad: bool },
    Suspected(Suspect),
    Lost,
}

/// What a perfect reader knows about a pair.
#[derive(Clone, Debug)]
pub struct Knowledge {
    facts: PairFacts,
    initial: Vec<FrameIndex>,
    seen: Vec<FrameIndex>,
    estimate_noise: f64,
    status: [[Status; 3]; 2],
}

impl Knowledge {
    /// Looks at the initial frames of both videos and reports.
    ///
    /// `estimate_noise` is the standard deviation of an estimate, per frame of distance. Frames
    /// beyond the pool show nothing, here and in [`Knowledge::look`].
    pub fn new(
        facts: PairFacts,
        initial: Vec<FrameIndex>,
        estimate_noise: f64,
        rng: &mut impl Rng,
    ) -> (Self, Report) {
        let mut knowledge = Self {
            facts,
            seen: Vec::new(),
            estimate_noise,
            status: [[Status::Unknown; 3]; 2],
            initial: Vec::new(),
        };
        let mut report = knowledge.look(&initial, rng);
        knowledge.initial = initial;
        report.caption = Some(facts.videos.map(|video| {
            let (colour, shape) = (video.colour(&facts.prompt), video.shape(&facts.prompt));
            Looks {
                colour,
                colour_matches: colour == facts.prompt.colour,
                shape,
                shape_matches: shape == facts.prompt.shape,
            }
        }));
        (knowledge, report)
    }

    /// Looks at a fetched batch and reports on the videos it shows: what is newly settled, and every
    /// suspect and loss of these videos that is still open.
    pub fn look(&mut self, fetched: &[FrameIndex], rng: &mut impl Rng) -> Report {
        let mut report = Report {
            caption: None,
            looked: [false; 2],
            findings: Vec::new(),
            suspects: Vec::new(),
        };
        self.seen.extend(fetched);
        for side in Side::BOTH {
            let new = self.offsets(fetched, side);
            if new.is_empty() {
                continue;
            }
            report.looked[side as usize] = true;
            // The memory window holds the initial frames and the newest batch.
            let mut visible = self.offsets(&self.initial, side);
            visible.extend(&new);
            for dimension in Dimension::ALL {
                let before = self.status[side as usize][dimension as usize];
                let after = self.read(side, dimension, before, &visible, rng);
                self.status[side as usize][dimension as usize] = after;
                let finding = |found, shown| Finding {
                    side,
                    dimension,
                    found,
                    shown,
                };
                match after {
                    Status::Known { bad } if after != before => {
                        let found = if bad { Found::Bad } else { Found::Ok };
                        report
                            .findings
                            .push(finding(found, self.shown(side, dimension)));
                    }
                    Status::Suspected(suspect) => report.suspects.push(suspect),
                    Status::Lost => report.findings.push(finding(Found::Lost, None)),
                    Status::Known { .. } | Status::Unknown => {}
                }
            }
        }
        report
    }

    fn read(
        &self,
        side: Side,
        dimension: Dimension,
        before: Status,
        visible: &[u32],
        rng: &mut impl Rng,
    ) -> Status {
        if let Status::Known { .. } = before {
            return before;
        }
        let video = self.facts.video(side);
        if video.is_global(dimension) {
            return Status::Known { bad: true };
        }
        let Some(site) = video.site(dimension) else {
            return Status::Unknown;
        };
        if visible.iter().any(|t| site.core(*t)) {
            return Status::Known { bad: site.real };
        }
        let nearest = visible
            .iter()
            .copied()
            .min_by_key(|t| t.abs_diff(site.centre))
            .filter(|t| t.abs_diff(site.centre) <= SUSPECT_REACH);
        match (before, nearest) {
            (Status::Suspected(old), Some(t))
                if old.anchor.0.abs_diff(site.centre) <= t.abs_diff(site.centre) =>
            {
                before
            }
            (_, Some(t)) => {
                let distance = f64::from(site.centre) - f64::from(t);
                let deviation = self.estimate_noise * distance.abs();
                let estimate = distance + deviation * rng.sample::<f64, _>(StandardNormal);
                let reach = f64::from(ESTIMATE_REACH);
                Status::Suspected(Suspect {
                    side,
                    dimension,
                    anchor: FrameOffset(t),
                    offset: estimate.round().clamp(-reach, reach) as i8,
                })
            }
            (Status::Suspected(_), None) => before,
            (_, None) => {
                let asked = self.facts.prompt.event != Event::None;
                if asked && dimension == Dimension::TextAlignment {
                    Status::Lost
                } else {
                    Status::Unknown
                }
            }
        }
    }

    /// The event that the core of a TA site shows.
    fn shown(&self, side: Side, dimension: Dimension) -> Option<Event> {
        match (dimension, self.facts.video(side).alignment) {
            (Dimension::TextAlignment, Flaw::Local(_, event)) => Some(event),
            _ => None,
        }
    }

    fn offsets(&self, frames: &[FrameIndex], side: Side) -> Vec<u32> {
        frames
            .iter()
            .filter_map(|frame| self.facts.pool().locate(*frame))
            .filter(|(of, _)| *of == side)
            .map(|(_, offset)| offset.0)
            .collect()
    }

    /// The facts that are being found out.
    pub fn facts(&self) -> &PairFacts {
        &self.facts
    }

    /// The initial frames of one video.
    pub fn initial(&self, side: Side) -> Vec<FrameOffset> {
        let offsets = self.offsets(&self.initial, side);
        offsets.into_iter().map(FrameOffset).collect()
    }

    /// Every frame that was seen, in the order in which it was.
    pub fn seen(&self) -> &[FrameIndex] {
        &self.seen
    }

    /// What is suspected, in the order of a report.
    pub fn suspects(&self) -> Vec<Suspect> {
        let all = self.status.iter().flatten();
        all.filter_map(|status| match status {
            Status::Suspected(suspect) => Some(*suspect),
            Status::Unknown | Status::Known { .. } | Status::Lost => None,
        })
        .collect()
    }

    /// The videos in which the event is lost.
    pub fn lost(&self) -> Vec<Side> {
        Side::BOTH
            .into_iter()
            .filter(|side| self.status[*side as usize].contains(&Status::Lost))
            .collect()
    }

    /// The judgment from what is known: what is not resolved counts as not bad.
    ///
    /// Confidence is high, middle or low with 0, 1 or more suspects and losses left open.
    pub fn judgment(&self) -> Judgment {
        let bad = self
            .status
            .map(|video| video.map(|status| status == Status::Known { bad: true }));
        let confidence = match self.suspects().len() + self.lost().len() {
            0 => Confidence::High,
            1 => Confidence::Middle,
            _ => Confidence::Low,
        };
        Judgment {
            verdict: verdict_of(bad),
            confidence: Some(confidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use vrt_core::pair::Preference;
    use vrt_core::rng::{Purpose, stream};

    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::facts::{Site, VideoFacts};
    use crate::world::split::{Length, Split};

    /// A long pair without a flaw but for a VQ defect at frame 50 of video 1.
    fn one_defect() -> PairFacts {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let mut facts = world.facts(Split::Design(Length::Long).key(0));
        facts.prompt.event = Event::None;
        facts.videos = facts.videos.map(|video| VideoFacts {
            alignment: Flaw::None,
            quality: Flaw::None,
            movement: Flaw::None,
            ..video
        });
        let site = Site {
            centre: 50,
            real: true,
        };
        facts.videos[0].quality = Flaw::Local(site, ());
        facts
    }

    fn frames(offsets: &[u32]) -> Vec<FrameIndex> {
        offsets
            .iter()
            .filter_map(|t| FrameIndex::new(t + 1))
            .collect()
    }

    #[test]
    fn a_defect_is_suspected_then_resolved() {
        let mut rng = stream(1, Purpose::Teacher, 0, 0, 0);
        let initial = frames(&[12, 36, 60, 84, 108]);
        let (mut knowledge, first) = Knowledge::new(one_defect(), initial, 0.0, &mut rng);
        let suspect = |anchor, offset| Suspect {
            side: Side::First,
            dimension: Dimension::VisualQuality,
            anchor: FrameOffset(anchor),
            offset,
        };
        assert_eq!(first.suspects, [suspect(60, -10)]);
        assert_eq!(knowledge.judgment().verdict.overall, Preference::Tie);
        assert_eq!(knowledge.judgment().confidence, Some(Confidence::Middle));

        let nearer = knowledge.look(&frames(&[44]), &mut rng);
        assert_eq!(nearer.looked, [true, false]);
        assert_eq!(nearer.suspects, [suspect(44, 6)]);

        // The nearer frame has left the window, but what was written of it stands.
        let useless = knowledge.look(&frames(&[90]), &mut rng);
        assert_eq!(useless.suspects, [suspect(44, 6)]);

        let other_video = knowledge.look(&frames(&[96 + 50]), &mut rng);
        assert_eq!(other_video.looked, [false, true]);
        assert!(other_video.suspects.is_empty() && other_video.findings.is_empty());

        let found = knowledge.look(&frames(&[51]), &mut rng);
        let finding = Finding {
            side: Side::First,
            dimension: Dimension::VisualQuality,
            found: Found::Bad,
            shown: None,
        };
        assert_eq!(found.findings, [finding]);
        assert_eq!(knowledge.judgment().verdict, knowledge.facts().truth());
        assert_eq!(knowledge.judgment().confidence, Some(Confidence::High));
        assert!(knowledge.look(&frames(&[50]), &mut rng).findings.is_empty());
    }

    #[test]
    fn a_site_beyond_reach_is_unknown_and_an_event_beyond_reach_is_lost() {
        let mut rng = stream(1, Purpose::Teacher, 0, 0, 0);
        let mut facts = one_defect();
        let (knowledge, report) = Knowledge::new(facts, frames(&[37, 63]), 0.0, &mut rng);
        assert!(report.suspects.is_empty() && report.findings.is_empty());
        assert_eq!(knowledge.judgment().confidence, Some(Confidence::High));

        let colour = facts.prompt.colour;
        let asked = super::super::subject::Colour::ALL
            .into_iter()
            .find(|other| *other != colour)
            .unwrap();
        facts.prompt.event = Event::Then(asked);
        let site = Site {
            centre: 50,
            real: false,
        };
        facts.videos[0].alignment = Flaw::Local(site, Event::Then(asked));
        let (knowledge, report) = Knowledge::new(facts, frames(&[37, 63]), 0.0, &mut rng);
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.findings[0].found, Found::Lost);
        assert_eq!(knowledge.lost(), [Side::First]);
        assert_eq!(knowledge.judgment().confidence, Some(Confidence::Middle));
    }
}
