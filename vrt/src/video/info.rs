//! In: what a file says of itself. Out: a line for a person.

use std::fmt;

/// What is known of a video without decoding a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Frames that are shown.
    pub frames: u32,
    /// Pixels in a row, upright.
    pub width: u32,
    /// Rows, upright.
    pub height: u32,
    /// How long the frames are shown together; a folder of images does not say.
    pub seconds: Option<f64>,
    /// The container's name: `MP4`, `MOV`, `GIF`, …
    pub container: &'static str,
    /// The coding's name: `H.264`, `H.265`, `AV1`, …
    pub codec: String,
}

impl Info {
    /// Frames a second on average.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(f64::from(self.frames) / seconds)
    }
}

impl fmt::Display for Info {
    /// `MP4 (H.264), 1280 × 720, 132 frames, 5.28 s, 25.00 frames/s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            frames,
            width,
            height,
            container,
            codec,
            ..
        } = self;
        write!(f, "{container}")?;
        if container != codec {
            write!(f, " ({codec})")?;
        }
        write!(
            f,
            ", {width} × {height}, {frames} frame{}",
            if *frames == 1 { "" } else { "s" }
        )?;
        if let (Some(seconds), Some(rate)) = (self.seconds, self.rate()) {
            write!(f, ", {seconds:.2} s, {rate:.2} frames/s")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let mut info = Info {
            frames: 132,
            width: 1280,
            height: 720,
            seconds: Some(5.28),
            container: "MP4",
            codec: "H.264".to_owned(),
        };
        assert_eq!(
            info.to_string(),
            "MP4 (H.264), 1280 × 720, 132 frames, 5.28 s, 25.00 frames/s"
        );
        info = Info {
            frames: 1,
            seconds: None,
            container: "GIF",
            codec: "GIF".to_owned(),
            ..info
        };
        assert_eq!(info.to_string(), "GIF, 1280 × 720, 1 frame");
    }
}
