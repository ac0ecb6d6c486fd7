//! Small benchmarks in the published forms: a data file, and clips that are made when they are asked for.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, ImageFormat, Rgb, RgbImage, buffer::ConvertBuffer};
use serde_json::{Value, json};
use vrt_train::atomic;

/// Pairs of a benchmark: enough for a tenth of two.
pub const PAIRS: usize = 12;

/// A folder with `data` and `videos/`.
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A benchmark whose file has this text; pair `i` shows `left/i.gif` and `right/i.gif`.
    pub fn new(text: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        atomic::write(&bench.data(), text.as_bytes()).unwrap();
        for pair in 0..PAIRS {
            for (side, grey) in [("left", 40), ("right", 200)] {
                let path = bench.videos().join(format!("{side}/{pair}.gif"));
                // The eighth pair has the longest videos.
                let frames = if pair == 7 { 9 } else { 5 };
                atomic::write(&path, &clip(frames, grey)).unwrap();
            }
        }
        bench
    }

    pub fn genai() -> Self {
        let votes = ["leftvote", "rightvote", "tievote", "bothbad_vote"];
        let rows = (0..PAIRS).map(|i| {
            json!({"id": i, "prompt": caption(i), "video_left": format!("left/{i}.gif"),
                "video_right": format!("right/{i}.gif"), "vote_type": votes[i % 4]})
        });
        Self::new(&Value::from_iter(rows).to_string())
    }

    pub fn videogen() -> Self {
        let mut text = "path_A,path_B,prompt,VQ,MQ,TA,Overall\n".to_owned();
        let labels = ["A", "B", "same"];
        for i in 0..PAIRS {
            let label = |shift: usize| labels[(i + shift) % 3];
            // A dimension that nobody labelled stays unlabelled; the last row has no overall label.
            let motion = if i % 4 == 0 { "" } else { label(1) };
            let overall = if i + 1 == PAIRS { "" } else { label(0) };
            text += &format!(
                "left/{i}.gif,right/{i}.gif,{},{},{motion},{},{overall}\n",
                caption(i),
                label(0),
                label(2)
            );
        }
        Self::new(&text)
    }

    pub fn mj() -> Self {
        let labels = ["Same", "Video 1 better", "Video 2 Better", "Hard to judge"];
        let rows = (0..PAIRS).map(|i| {
            json!({"caption": caption(i), "video_0_path": format!("left/{i}.gif"),
                "video_1_path": format!("right/{i}.gif"), "overall_preference": labels[i % 4],
                "category_preference": {"Alignment": labels[(i + 1) % 4], "Fineness": "Same"}, "discard": i == 5})
        });
        Self::new(&Value::from_iter(rows).to_string())
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn videos(&self) -> PathBuf {
        self.folder.path().join("videos")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The caption of a pair; the fourth is the longest.
pub fn caption(pair: usize) -> String {
    let more = if pair == 3 {
        " over a very high hedge"
    } else {
        ""
    };
    format!("a fox jumps{more} take {pair};")
}

/// A GIF of grey frames that brighten.
pub fn clip(frames: u8, grey: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for frame in 0..frames {
        let picture = RgbImage::from_pixel(32, 28, Rgb([grey + frame; 3]));
        let delay = Delay::from_numer_denom_ms(100, 1);
        let frame = Frame::from_parts(picture.convert(), 0, 0, delay);
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// Writes a video as a folder of pictures: what they say of themselves is sound, and none can be decoded.
pub fn write_damaged(folder: &Path, frames: u8) {
    for frame in 0..frames {
        let mut png = Cursor::new(Vec::new());
        let picture = RgbImage::from_pixel(32, 28, Rgb([frame; 3]));
        picture.write_to(&mut png, ImageFormat::Png).unwrap();
        let mut bytes = png.into_inner();
        let data = bytes.windows(4).position(|four| four == b"IDAT").unwrap() + 4;
        let end = bytes.len() - 16;
        bytes[data..end].fill(0xFF);
        atomic::write(&folder.join(format!("{frame}.png")), &bytes).unwrap();
    }
}
