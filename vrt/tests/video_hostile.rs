//! In: files that are empty, cut, mislabelled, or changed at random places. Out: typed errors, in bounded memory.
//!
//! The originals are made by ffmpeg's encoders once and kept as constants of a few kilobytes in `hostile/`.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use vrt::video::{Fault, Limits, from_bytes, open};
use vrt_core::pair::{FrameOffset, Video};

/// 64 × 48 pixels, 12 frames each.
const ORIGINALS: [(&str, &[u8]); 7] = [
    ("h264.mp4", include_bytes!("hostile/h264.mp4")),
    ("fragmented.mp4", include_bytes!("hostile/fragmented.mp4")),
    ("h265.mp4", include_bytes!("hostile/h265.mp4")),
    ("av1.mp4", include_bytes!("hostile/av1.mp4")),
    ("moving.gif", include_bytes!("hostile/moving.gif")),
    ("moving.webp", include_bytes!("hostile/moving.webp")),
    ("still.png", include_bytes!("hostile/still.png")),
];

fn tight() -> Limits {
    Limits {
        pixels: 128 * 128,
        frames: 64,
        seconds: 60,
        index_bytes: 1 << 16,
        cache_bytes: 1 << 20,
    }
}

fn fault(bytes: &[u8]) -> Fault {
    from_bytes("video", bytes, &tight())
        .expect_err("an error")
        .fault
}

/// Opens and asks for every frame; whatever is wrong is an error with the video's name.
fn exercise(name: &str, bytes: Vec<u8>) -> Result<(), TestCaseError> {
    match from_bytes(name, bytes, &tight()) {
        Ok(video) => {
            for frame in 0..video.len() {
                match video.rgb8(FrameOffset(frame)) {
                    Ok(rgb) => prop_assert_eq!(
                        rgb.pixels.len(),
                        rgb.width as usize * rgb.height as usize * 3
                    ),
                    Err(error) => prop_assert!(error.to_string().starts_with(name), "{}", error),
                }
            }
        }
        Err(error) => prop_assert!(error.to_string().starts_with(name), "{}", error),
    }
    Ok(())
}

#[test]
fn the_originals_are_whole() {
    for (name, bytes) in ORIGINALS {
        let video = from_bytes(name, bytes, &tight()).unwrap_or_else(|error| panic!("{error}"));
        let frames = match name {
            "still.png" => 1,
            // Its encoder merged two frames that it made equal.
            "moving.webp" => 11,
            _ => 12,
        };
        assert_eq!(video.len(), frames, "{name}");
        for frame in 0..video.len() {
            video
                .rgb8(FrameOffset(frame))
                .unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn ten_thousand_mutations_end_with_a_frame_or_an_error() {
    // A byte changed, a stretch overwritten, or the end cut off.
    let change = (
        any::<prop::sample::Index>(),
        any::<u8>(),
        1usize..24,
        0u8..8,
    );
    let changes = prop::collection::vec(change, 1..4);
    let strategy = (0..ORIGINALS.len(), changes);
    let mut runner = TestRunner::new(Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&strategy, |(original, changes)| {
        let (name, bytes) = ORIGINALS[original];
        let mut bytes = bytes.to_vec();
        for (place, value, length, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + length).min(bytes.len());
                    bytes[at..end].fill(value);
                }
                _ => bytes[at] = value,
            }
        }
        exercise(name, bytes)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Such a frame took gigabytes and seconds, whatever the canvas.
#[test]
fn a_frame_that_is_larger_than_its_canvas_takes_no_memory() {
    let mut gif = ORIGINALS[4].1.to_vec();
    let size = [64, 0, 48, 0];
    let frames = gif.windows(10).enumerate();
    let starts = frames.filter(|(_, at)| at[0] == 0x2C && at[5..9] == size);
    let places: Vec<usize> = starts.map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        gif[place + 5..place + 9].fill(0xFF);
    }
    let said = fault(&gif).to_string();
    assert!(said.contains("limit"), "{said}");
}

#[test]
fn an_empty_file_says_so() {
    assert_eq!(fault(b""), Fault::Empty);
}

#[test]
fn a_file_of_another_kind_says_what_it_begins_with() {
    let fault = fault(b"%PDF-1.7 and so on");
    assert_eq!(
        fault,
        Fault::Unknown {
            begins: "25 50 44 46 2d 31 2e 37".to_owned()
        }
    );
}

#[test]
fn a_name_does_not_make_a_format() {
    let (_, gif) = ORIGINALS[4];
    let video = from_bytes("lies.mp4", gif, &tight()).expect("a GIF, whatever its name");
    assert_eq!(video.info().container, "GIF");
}

#[test]
fn a_cut_file_says_what_is_missing_and_where() {
    let (_, whole) = ORIGINALS[0];
    let message = |bytes: &[u8]| {
        from_bytes("a.mp4", bytes, &tight())
            .expect_err("an error")
            .to_string()
    };
    for cut in [whole.len() / 2, whole.len() - 1, 40, 9] {
        let message = message(&whole[..cut]);
        assert!(
            message.starts_with("a.mp4: is ") && message.contains("byte"),
            "{message}"
        );
    }
}

#[test]
fn limits_are_asked_before_a_frame_is_decoded() {
    let (_, bytes) = ORIGINALS[0];
    let limited = |limits: Limits| {
        from_bytes("a.mp4", bytes, &limits)
            .expect_err("an error")
            .fault
    };
    assert!(matches!(
        limited(Limits {
            pixels: 100,
            ..tight()
        }),
        Fault::Limit {
            field: "pixels",
            limit: 100,
            ..
        }
    ));
    let frames = limited(Limits {
        frames: 11,
        ..tight()
    });
    assert_eq!(
        frames.to_string(),
        "has 12 frames, above the limit of 11 (`Limits::frames`)"
    );
    assert!(matches!(
        limited(Limits {
            seconds: 0,
            ..tight()
        }),
        Fault::Limit {
            field: "seconds",
            ..
        }
    ));
    assert!(matches!(
        limited(Limits {
            index_bytes: 10,
            ..tight()
        }),
        Fault::Limit {
            field: "index_bytes",
            ..
        }
    ));
}

#[test]
fn a_frame_beyond_the_end_is_named() {
    let (_, bytes) = ORIGINALS[0];
    let video = from_bytes("a.mp4", bytes, &tight()).expect("a video");
    let error = video.frame(FrameOffset(12)).expect_err("an error");
    assert_eq!(
        error.to_string(),
        "a.mp4: frame 12: it is beyond the video's 12 frames (0..=11)"
    );
}

#[test]
fn a_missing_file_and_an_empty_folder_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = open(folder.path().join("none.mp4"), &tight())
        .expect_err("an error")
        .to_string();
    assert!(
        missing.contains("none.mp4: cannot be read: No such file"),
        "{missing}"
    );
    assert_eq!(
        open(folder.path(), &tight()).expect_err("an error").fault,
        Fault::Empty
    );
}
