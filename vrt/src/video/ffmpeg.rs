//! In: a file that no decoder here reads. Out: its frames, from the programs `ffprobe` and `ffmpeg`.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::fault::Fault;
use super::info::Info;
use super::limits::Limits;
use super::picture::Rgb8;
use super::sequence::{Frames, Sequence, Sequential};

const NAME: &str = "ffmpeg";

/// A file that ffmpeg decodes from its beginning.
pub(super) struct Process {
    path: PathBuf,
    size: (u32, u32),
}

/// What `ffprobe` says.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<i32>,
}

/// Indexes a file by decoding it once, the only way to know what a stranger's container shows.
pub(super) fn open(path: &Path, limits: &Limits) -> Result<Sequential<Process>, Fault> {
    let entries = "stream=codec_name,width,height,duration:stream_side_data=rotation";
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            entries,
            "-of",
            "json",
            "-i",
        ])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(missing)?;
    if !output.status.success() {
        return Err(Fault::decode(
            NAME,
            String::from_utf8_lossy(&output.stderr).trim(),
        ));
    }
    let probe: Probe =
        serde_json::from_slice(&output.stdout).map_err(|why| Fault::decode("ffprobe", why))?;
    let stream = probe
        .streams
        .into_iter()
        .next()
        .ok_or(Fault::NoFrames("it has no video track"))?;
    let (Some(width), Some(height)) = (stream.width, stream.height) else {
        return Err(Fault::decode(
            "ffprobe",
            "it does not tell the size of a frame",
        ));
    };
    limits.check_size(width, height)?;
    let turned = stream
        .side_data_list
        .iter()
        .filter_map(|data| data.rotation)
        .any(|degrees| degrees.rem_euclid(180) == 90);
    let (width, height) = if turned {
        (height, width)
    } else {
        (width, height)
    };
    let seconds = stream.duration.and_then(|seconds| seconds.parse().ok());
    if let Some(seconds) = seconds {
        limits.check_seconds(seconds)?;
    }
    let process = Process {
        path: path.to_owned(),
        size: (width, height),
    };
    let mut frames = 0;
    for frame in process.start()? {
        frame?;
        frames += 1;
        limits.check_frames(frames)?;
    }
    if frames == 0 {
        return Err(Fault::NoFrames("ffmpeg decodes none"));
    }
    let codec = stream.codec_name.unwrap_or_else(|| "unknown".to_owned());
    let info = Info {
        frames: frames as u32,
        width,
        height,
        seconds,
        container: "ffmpeg",
        codec,
    };
    Ok(Sequential {
        sequence: process,
        info,
    })
}

fn missing(error: std::io::Error) -> Fault {
    Fault::decode(
        NAME,
        format_args!(
            "the program does not start ({error}); install it (Debian: apt-get install ffmpeg)"
        ),
    )
}

impl Sequence for Process {
    fn name(&self) -> &'static str {
        NAME
    }

    fn start(&self) -> Result<Frames, Fault> {
        let mut child = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-xerror", "-i"])
            .arg(&self.path)
            .args([
                "-map",
                "0:v:0",
                "-vsync",
                "passthrough",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
                "-",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(missing)?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Fault::decode(NAME, "no pipe"))?;
        Ok(Box::new(Output {
            child,
            output: BufReader::new(output),
            size: self.size,
            ended: false,
        }))
    }
}

/// A running program; it is stopped when nobody reads on.
struct Output<R> {
    child: Child,
    output: R,
    size: (u32, u32),
    ended: bool,
}

impl<R: Read> Output<R> {
    fn read(&mut self) -> Result<Option<Rgb8>, Fault> {
        let (width, height) = self.size;
        let bytes = u64::from(width) * u64::from(height) * 3;
        let mut pixels = Vec::new();
        (&mut self.output).take(bytes).read_to_end(&mut pixels)?;
        if pixels.len() as u64 == bytes {
            return Ok(Some(Rgb8::new(width, height, pixels)));
        }
        let status = self.child.wait()?;
        if !status.success() || !pixels.is_empty() {
            return Err(Fault::decode(
                NAME,
                format_args!("it ended with {status} in the middle of a video"),
            ));
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for Output<R> {
    type Item = Result<Rgb8, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.read().transpose();
        self.ended = !matches!(frame, Some(Ok(_)));
        frame
    }
}

impl<R> Drop for Output<R> {
    fn drop(&mut self) {
        // Either it has ended already, or nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
