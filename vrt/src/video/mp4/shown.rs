//! In: samples in decoding order and an edit list. Out: which sample is shown as which frame, and where decoding begins.

use super::super::fault::Fault;
use super::super::limits::Limits;
use super::samples::Sample;
use super::track::Edit;

/// The frames of a video in the order in which they are shown.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    /// `samples[frame]`: places in decoding order.
    pub(super) samples: Vec<u32>,
    pub(super) seconds: f64,
}

/// The frames that the edits show. A sample belongs to an edit if its composition time lies inside, as ffmpeg has it;
/// without edits every sample is shown.
pub(super) fn shown(
    samples: &[Sample],
    edits: &[Edit],
    [movie_scale, media_scale]: [u32; 2],
    limits: &Limits,
) -> Result<Shown, Fault> {
    let mut order: Vec<u32> = (0..samples.len() as u32).collect();
    // Stable: samples of one time stay in decoding order.
    order.sort_by_key(|at| samples[*at as usize].composed);
    let composed = |at: &u32| samples[*at as usize].composed;

    let whole = Edit {
        duration: 0,
        media_time: order.first().map(composed),
        dwells: false,
    };
    let edits = if edits.is_empty() {
        std::slice::from_ref(&whole)
    } else {
        edits
    };
    let mut shown = Vec::new();
    let mut units = 0.0;
    for edit in edits {
        let Some(from) = edit.media_time else {
            continue;
        };
        let begin = order.partition_point(|at| composed(at) < from);
        let to = match edit.duration {
            0 => i64::MAX,
            duration => {
                let scaled = u128::from(duration) * u128::from(media_scale);
                let scaled = (scaled + u128::from(movie_scale) / 2) / u128::from(movie_scale);
                from.saturating_add(i64::try_from(scaled).unwrap_or(i64::MAX))
            }
        };
        let end = if edit.dwells {
            (begin + 1).min(order.len())
        } else {
            order.partition_point(|at| composed(at) < to)
        };
        let part = order.get(begin..end).unwrap_or_default();
        limits.check_frames(shown.len() as u64 + part.len() as u64)?;
        shown.extend_from_slice(part);
        if let Some(last) = part.last() {
            let last = samples[*last as usize];
            let natural = last.composed.saturating_add(i64::from(last.duration));
            units += natural.min(to).saturating_sub(from) as f64;
        }
    }
    let seconds = units / f64::from(media_scale);
    limits.check_seconds(seconds)?;
    if shown.is_empty() {
        let nothing = if samples.is_empty() {
            "its video track has no sample"
        } else {
            "its edit list shows none of its samples"
        };
        return Err(Fault::NoFrames(nothing));
    }
    Ok(Shown {
        samples: shown,
        seconds,
    })
}

/// `entry[sample]`: the sample, one of the `beginnings`, from which a sample can be decoded. A leading picture, shown before the
/// beginning that precedes it in the file, may refer to the group before (an open GOP).
pub(super) fn entries(samples: &[Sample], beginnings: &[bool]) -> Vec<u32> {
    let (mut sync, mut previous) = (0, 0);
    let mut entries = Vec::with_capacity(samples.len());
    for (at, (sample, begins)) in samples.iter().zip(beginnings).enumerate() {
        if *begins {
            (previous, sync) = (sync, at as u32);
        }
        let leads = sample.composed < samples[sync as usize].composed;
        entries.push(if leads { previous } else { sync });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(decoded: i64, composed: i64, sync: bool) -> Sample {
        Sample {
            at: 0,
            bytes: 1,
            decoded,
            composed,
            duration: 10,
            sync,
        }
    }

    /// I P B B I B B, the last two leading: shown I B B P B B I.
    fn open_gop() -> Vec<Sample> {
        [
            (0, 0, true),
            (10, 30, false),
            (20, 10, false),
            (30, 20, false),
            (40, 60, true),
            (50, 40, false),
            (60, 50, false),
        ]
        .map(|(decoded, composed, sync)| sample(decoded, composed, sync))
        .to_vec()
    }

    fn frames(edits: &[Edit]) -> Vec<u32> {
        shown(&open_gop(), edits, [100, 1000], &Limits::default())
            .unwrap()
            .samples
    }

    #[test]
    fn frames_follow_composition_time() {
        assert_eq!(frames(&[]), [0, 2, 3, 1, 5, 6, 4]);
    }

    #[test]
    fn edits_cut_repeat_delay_and_hold() {
        let edit = |duration, media_time, dwells| Edit {
            duration,
            media_time,
            dwells,
        };
        assert_eq!(
            frames(&[edit(3, Some(10), false)]),
            [2, 3, 1],
            "30 units from 10"
        );
        assert_eq!(
            frames(&[edit(7, None, false), edit(0, Some(50), false)]),
            [6, 4],
            "a delay shows nothing"
        );
        assert_eq!(
            frames(&[edit(1, Some(0), false), edit(1, Some(0), false)]),
            [0, 0],
            "shown twice"
        );
        assert_eq!(
            frames(&[edit(9, Some(15), true)]),
            [3],
            "a held frame is one frame"
        );
    }

    #[test]
    fn the_time_shown_ends_with_the_last_frame_or_the_edit() {
        let seconds = |edits: &[Edit]| {
            shown(&open_gop(), edits, [100, 1000], &Limits::default())
                .unwrap()
                .seconds
        };
        assert_eq!(seconds(&[]), 0.07);
        assert_eq!(
            seconds(&[Edit {
                duration: 3,
                media_time: Some(10),
                dwells: false
            }]),
            0.03
        );
    }

    #[test]
    fn a_leading_picture_is_decoded_from_the_group_before() {
        let samples = open_gop();
        let beginnings: Vec<bool> = samples.iter().map(|sample| sample.sync).collect();
        assert_eq!(entries(&samples, &beginnings), [0, 0, 0, 0, 4, 0, 0]);
    }

    #[test]
    fn an_edit_past_the_end_shows_nothing_and_says_so() {
        let edits = [Edit {
            duration: 5,
            media_time: Some(900),
            dwells: false,
        }];
        let fault = shown(&open_gop(), &edits, [100, 1000], &Limits::default()).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "shows no frame: its edit list shows none of its samples"
        );
    }
}
