//! In: arguments for ffmpeg. Out: files it makes, and the planes it decodes, converted by the textbook formula.

use std::path::{Path, PathBuf};
use std::process::Command;

use vrt::video::{Limits, VideoSource, open};
use vrt_core::pair::{FrameOffset, Video};

/// Largest difference of a level: ours is rounded from fixed-point coefficients of 16 bits, the textbook's from 64-bit floats.
const TOLERANCE: u8 = 1;

/// How ffmpeg's planes are laid out and what they mean.
#[derive(Clone, Copy)]
pub struct Format {
    /// ffmpeg's name.
    pub name: &'static str,
    pub depth: u32,
    /// log2 of luma samples a chroma sample, across and down.
    pub shifts: [usize; 2],
    /// K_R and K_B of the matrix.
    pub matrix: [f64; 2],
    pub full_range: bool,
}

pub const BT601: [f64; 2] = [0.299, 0.114];
pub const BT709: [f64; 2] = [0.2126, 0.0722];
pub const BT2020: [f64; 2] = [0.2627, 0.0593];

pub const YUV420P: Format = Format {
    name: "yuv420p",
    depth: 8,
    shifts: [1, 1],
    matrix: BT601,
    full_range: false,
};
pub const YUV420P10: Format = Format {
    name: "yuv420p10le",
    depth: 10,
    ..YUV420P
};
pub const YUV422P: Format = Format {
    name: "yuv422p",
    shifts: [1, 0],
    ..YUV420P
};
pub const YUV444P: Format = Format {
    name: "yuv444p",
    shifts: [0, 0],
    ..YUV420P
};

/// Runs ffmpeg, which has to succeed.
pub fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .output()
        .expect("the oracle tests need the program ffmpeg (Debian: apt-get install ffmpeg)");
    assert!(
        run.status.success(),
        "ffmpeg {arguments:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    run.stdout
}

/// A file that ffmpeg makes of its moving test picture.
pub fn make(folder: &Path, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let to = path.to_str().expect("a temporary path");
    ffmpeg(&[&["-f", "lavfi", "-i", source], arguments, &[to]].concat());
    path
}

/// Every frame that ffmpeg shows, upright, as RGB by the textbook formula.
pub fn frames(path: &Path, format: Format, [width, height]: [usize; 2]) -> Vec<Vec<u8>> {
    let path = path.to_str().expect("a temporary path");
    let output = ffmpeg(&[
        "-i",
        path,
        "-map",
        "0:v:0",
        "-vsync",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        format.name,
        "-",
    ]);
    let samples: Vec<u16> = match format.depth {
        8 => output.iter().map(|sample| u16::from(*sample)).collect(),
        _ => output
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect(),
    };
    let [across, down] = format.shifts;
    let chroma = [width.div_ceil(1 << across), height.div_ceil(1 << down)];
    let size = width * height + 2 * chroma[0] * chroma[1];
    assert_eq!(
        samples.len() % size,
        0,
        "{path}: ffmpeg's frames are not {width} × {height}"
    );
    samples
        .chunks_exact(size)
        .map(|frame| textbook(frame, format, [width, height], chroma))
        .collect()
}

fn textbook(
    frame: &[u16],
    format: Format,
    [width, height]: [usize; 2],
    chroma: [usize; 2],
) -> Vec<u8> {
    let (luma, rest) = frame.split_at(width * height);
    let (cb, cr) = rest.split_at(chroma[0] * chroma[1]);
    let steps = f64::from((1u32 << format.depth) - 1);
    let unit = f64::from(1u32 << (format.depth - 8));
    let (black, luma_span, chroma_span) = if format.full_range {
        (0.0, steps, steps)
    } else {
        (16.0 * unit, 219.0 * unit, 224.0 * unit)
    };
    let [kr, kb] = format.matrix;
    let kg = 1.0 - kr - kb;
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = (y >> format.shifts[1]) * chroma[0] + (x >> format.shifts[0]);
            let y = (f64::from(luma[y * width + x]) - black) / luma_span;
            let [pb, pr] =
                [cb[at], cr[at]].map(|sample| (f64::from(sample) - 128.0 * unit) / chroma_span);
            let red = y + 2.0 * (1.0 - kr) * pr;
            let blue = y + 2.0 * (1.0 - kb) * pb;
            let green = (y - kr * red - kb * blue) / kg;
            rgb.extend(
                [red, green, blue].map(|level| (255.0 * level).round().clamp(0.0, 255.0) as u8),
            );
        }
    }
    rgb
}

/// Opens a file and holds every frame to ffmpeg's: same count, same order, same pixels. Frames are asked for in order, then
/// backwards with a stride, so that decoders go on, turn back and start anew.
pub fn agrees(path: &Path, format: Format, size: [usize; 2]) -> VideoSource {
    let theirs = frames(path, format, size);
    // No frame is answered from the cache.
    let limits = Limits {
        cache_bytes: 0,
        ..Limits::default()
    };
    let video = open(path, &limits).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        video.len() as usize,
        theirs.len(),
        "{video:?}: another number of frames than ffmpeg's"
    );
    let count = theirs.len();
    let order = (0..count)
        .chain((0..count).rev().step_by(7))
        .chain((0..count).map(|at| at * 13 % count));
    for frame in order {
        let ours = video
            .rgb8(FrameOffset(frame as u32))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!([ours.width as usize, ours.height as usize], size);
        let worst = ours
            .pixels
            .iter()
            .zip(&theirs[frame])
            .map(|(ours, theirs)| ours.abs_diff(*theirs))
            .max();
        assert!(
            worst <= Some(TOLERANCE),
            "{video:?}: frame {frame} differs by {worst:?} levels"
        );
    }
    video
}
