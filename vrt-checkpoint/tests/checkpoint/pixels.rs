//! From pictures to patches, to the last bit of the published processors' integers.

use serde::Deserialize;
use vrt_checkpoint::resize::Resampling;
use vrt_checkpoint::smart_resize::{SizeError, smart_resize};
use vrt_checkpoint::{Picture, Processor};

use crate::golden;

#[derive(Deserialize)]
struct Golden {
    smart_resize: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    h: u32,
    w: u32,
    min: u64,
    max: u64,
    out: [u32; 2],
}

#[test]
fn sizes_are_the_published_ones() {
    let text = std::fs::read_to_string(golden::folder().join("golden.json")).unwrap();
    let cases = serde_json::from_str::<Golden>(&text).unwrap().smart_resize;
    assert_eq!(cases.len(), 39);
    for Case {
        h,
        w,
        min,
        max,
        out,
    } in cases
    {
        let ours = smart_resize([h, w], 28, [min, max]).unwrap();
        assert_eq!(ours, out, "{h} × {w} within {min}..{max}");
    }
}

#[test]
fn a_picture_that_cannot_be_shown_is_refused() {
    let error = |height, width| smart_resize([height, width], 28, [3136, 12544]).unwrap_err();
    assert_eq!(
        error(1, 201).to_string(),
        "a picture of 201×1 pixels is longer than 200 to 1; crop it"
    );
    assert!(matches!(error(0, 5), SizeError::Empty { .. }));
    assert!(matches!(
        Picture::new(2, 2, vec![0; 11]),
        Err(SizeError::Bytes { found: 11, .. })
    ));
    let processor = processor();
    assert_eq!(processor.video(&[]), Err(SizeError::NoFrames));
    let frames =
        [[4, 4], [4, 5]].map(|[h, w]| Picture::new(h, w, vec![0; (h * w * 3) as usize]).unwrap());
    assert!(matches!(
        processor.video(&frames),
        Err(SizeError::Frames { frame: 1, .. })
    ));
}

fn processor() -> Processor {
    Processor::read(&golden::folder().join("preprocessor_config.json")).unwrap()
}

/// The frames of an image or a video, as they were given.
fn frames(name: &str) -> Vec<Picture> {
    let (shape, bytes) = golden::bytes(&format!("{name}.u8"));
    let [height, width] = [shape.len() - 3, shape.len() - 2].map(|at| shape[at] as u32);
    let size = (height * width * 3) as usize;
    let frames = bytes.chunks_exact(size);
    frames
        .map(|frame| Picture::new(height, width, frame.to_vec()).unwrap())
        .collect()
}

fn resized(name: &str, to: &str, kind: Resampling) {
    let (shape, expected) = golden::bytes(&format!("{name}.{to}"));
    let size = [shape.len() - 3, shape.len() - 2].map(|at| shape[at] as u32);
    let ours: Vec<u8> = frames(name)
        .iter()
        .flat_map(|frame| frame.resized(size, kind).rgb().to_vec())
        .collect();
    let differ: Vec<_> = ours
        .iter()
        .zip(&expected)
        .enumerate()
        .filter(|(_, (ours, theirs))| ours != theirs)
        .collect();
    assert_eq!(differ, [], "{name} {to}");
}

#[test]
fn interpolation_is_theirs_byte_for_byte() {
    for name in ["img", "vidA", "vidB"] {
        resized(name, "pil_bicubic", Resampling::Pillow);
    }
    for name in ["vidA", "vidB"] {
        resized(name, "tv_bicubic_aa", Resampling::Torchvision);
    }
}

/// Bytes agree exactly; what is left is the rounding of one division in 32 bits, of values up to 3.
const PIXELS: f32 = 3e-7;

#[test]
fn patches_are_theirs() {
    let processor = processor();
    for name in ["img", "vidA", "vidB"] {
        let patches = processor.video(&frames(name)).unwrap();
        assert_eq!(patches.grid, golden::grid(&format!("{name}.grid_thw")));
        let expected = golden::floats(&format!("{name}.pixel_values"));
        assert_eq!(patches.values.len(), expected.len());
        for (ours, theirs) in patches.values.iter().zip(&expected) {
            assert!((ours - theirs).abs() < PIXELS, "{name}: {ours} {theirs}");
        }
    }
}
