//! In: rows of GenAI-Bench (video), in either of its forms. Out: pairs with an overall label.
//!
//! The hub's form has `left_video` and `right_video`, UnifiedReward's `video_left` and `video_right`; both have
//! `prompt` and `vote_type`: `leftvote`, `rightvote`, `tievote`, `bothbad_vote`. Both bad is a tie.

use std::path::Path;

use vrt_core::pair::Preference;

use super::{DropReason, Labels, Read, Row, TableError, label, table};

pub(super) fn reader(
    rows: &[Row],
    path: &Path,
) -> Result<impl FnMut(&Row) -> (String, Result<Read, DropReason>), TableError> {
    let hub = rows.iter().any(|row| row.cells.contains_key("left_video"));
    let videos = if hub {
        ["left_video", "right_video"]
    } else {
        ["video_left", "video_right"]
    };
    table::expect(rows, path, &["prompt", videos[0], videos[1], "vote_type"])?;
    Ok(move |row: &Row| {
        let vote = label::spelled(row, "vote_type");
        let read = read(row, videos, &vote);
        (vote, read)
    })
}

fn read(row: &Row, videos: [&str; 2], vote: &str) -> Result<Read, DropReason> {
    let overall = label::preference("vote_type", vote, meaning)?;
    Ok(Read {
        labels: Labels {
            overall: Some(overall.ok_or(DropReason::NoOverall)?),
            ..Labels::default()
        },
        caption: row.needed("prompt")?,
        videos: [row.needed(videos[0])?, row.needed(videos[1])?],
    })
}

fn meaning(vote: &str) -> Option<Preference> {
    match vote {
        "leftvote" => Some(Preference::First),
        "rightvote" => Some(Preference::Second),
        _ if vote.starts_with("tie") || vote.starts_with("both") => Some(Preference::Tie),
        _ => None,
    }
}
