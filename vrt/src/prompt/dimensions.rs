//! In: a data set. Out: the names under which its annotators judged, for the three dimensions of the trace format.

use std::borrow::Cow;

/// How a dimension is put to the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DimensionWording {
    /// Its name in the data set.
    pub name: Cow<'static, str>,
    /// A line that says what it asks.
    pub explanation: Cow<'static, str>,
}

const fn wording(name: &'static str, explanation: &'static str) -> DimensionWording {
    DimensionWording {
        name: Cow::Borrowed(name),
        explanation: Cow::Borrowed(explanation),
    }
}

/// VideoGen-Reward, VideoGen-RewardBench and GenAI-Bench; indexed by [`vrt_core::pair::Dimension`].
pub static VIDEO_GEN_REWARD: [DimensionWording; 3] = [
    wording(
        "Text Alignment",
        "does the video show what the caption says: subjects, actions, places, style?",
    ),
    wording(
        "Visual Quality",
        "are the single frames clear, detailed, well lit and free of artefacts?",
    ),
    wording(
        "Motion Quality",
        "is the movement plausible, smooth and stable, without flicker, warping or things that appear or vanish?",
    ),
];

/// Rapidata's text-to-video preferences.
pub static RAPIDATA: [DimensionWording; 3] = [
    wording(
        "Alignment",
        "which video matches the caption better: subjects, actions, places, style?",
    ),
    wording("Preference", "which video is nicer to look at?"),
    wording(
        "Coherence",
        "which video makes more sense as it goes on, with fewer errors and fewer things that appear, vanish or warp?",
    ),
];

/// MJ-Bench-Video.
pub static MJ_BENCH_VIDEO: [DimensionWording; 3] = [
    wording(
        "Alignment",
        "does the video show what the caption says: subjects, attributes, actions, counts, places?",
    ),
    wording(
        "Fineness",
        "is the picture sharp, detailed and free of distortion, of faces and hands above all?",
    ),
    wording(
        "Coherence & Consistency",
        "do movement, space and time hold together, and do things stay what they are from frame to frame?",
    ),
];
