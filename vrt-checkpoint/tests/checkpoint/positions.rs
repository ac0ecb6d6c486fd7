//! Rotary positions of text with two videos and an image, and the order in which the tower reads patches.

use vrt_checkpoint::prompt::{PromptError, expand};
use vrt_checkpoint::{Media, ModelConfig, Prompt};
use vrt_core::model::vision::PatchPlan;

use crate::golden;

pub fn config() -> ModelConfig {
    ModelConfig::read(&golden::folder().join("config.json")).unwrap()
}

/// The media of the golden prompt.
pub fn media() -> [Media; 3] {
    let seconds = golden::floats("p.second_per_grid_ts");
    let video = |name, seconds| Media::Video {
        grid: golden::grid(name),
        seconds,
    };
    [
        video("vidA.grid_thw", seconds[0]),
        video("vidB.grid_thw", seconds[1]),
        Media::Image {
            grid: golden::grid("img.grid_thw"),
        },
    ]
}

#[test]
fn positions_are_theirs() {
    let tokens = golden::ids("p.input_ids");
    let rows = tokens.len();
    let prompt = Prompt::new(&config(), tokens, &media()).unwrap();
    let theirs = golden::ids("p.position_ids");
    for (row, ours) in prompt.positions.iter().enumerate() {
        assert_eq!(
            *ours,
            [0, 1, 2].map(|axis| theirs[axis * rows + row]),
            "row {row}"
        );
    }
    assert_eq!(prompt.rope_delta(), golden::integers("p.rope_delta")[0]);
    assert_eq!(prompt.visual_rows.len(), 12 + 18 + 6);
}

#[test]
fn windows_are_read_in_their_order() {
    // Both videos together, as transformers 4.57.6 prints `window_index` and `cu_window_seqlens`.
    const ORDER: [usize; 30] = [
        0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 14, 17, 18, 19, 21, 22, 20, 23, 24,
        25, 27, 28, 26, 29,
    ];
    const STARTS: [usize; 11] = [0, 16, 32, 40, 48, 64, 72, 88, 96, 112, 120];
    let grids = ["vidA.grid_thw", "vidB.grid_thw"].map(golden::grid);
    let plan = PatchPlan::new(&config().model.vision, &grids);
    assert_eq!(plan.window_index(), ORDER);
    assert_eq!(plan.windows(), STARTS);
}

#[test]
fn placeholders_are_repeated_for_each_visual_token() {
    let config = config();
    let tokens = golden::ids("p.input_ids");
    let mut short = tokens.clone();
    short.dedup_by(|a, b| a == b && [500, 501].contains(a));
    assert_eq!(expand(&config, &short, &media()).unwrap(), tokens);

    let [a, b, image] = media();
    let error = |media: &[Media]| expand(&config, &short, media).unwrap_err().to_string();
    assert_eq!(
        error(&[a, b]),
        "the text has places for 3 images and videos, 2 were given; put one placeholder into the text for each"
    );
    assert_eq!(
        error(&[a, image, b]),
        "medium 1 (from 0) is an image, its place in the text is for a video; order them as in the text"
    );
    let cut = Media::Image { grid: [1, 3, 4] };
    assert!(matches!(
        expand(&config, &short, &[a, b, cut]),
        Err(PromptError::Grid { number: 2, .. })
    ));
    let unexpanded = Prompt::new(&config, short, &media()).unwrap_err();
    assert!(matches!(
        unexpanded,
        PromptError::Run {
            number: 0,
            tokens: 12,
            ..
        }
    ));
    assert!(matches!(
        Prompt::new(&config, tokens, &[a, b]),
        Err(PromptError::Count {
            places: 3,
            media: 2
        })
    ));
}
