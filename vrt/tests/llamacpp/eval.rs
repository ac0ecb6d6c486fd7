//! `vrt eval` with a real model, served and in the same process.

use std::process::Command;

use image::codecs::gif::GifEncoder;
use image::{Frame, Rgb, RgbImage, buffer::ConvertBuffer};
use serde_json::{Value, json};
use vrt_train::atomic;

use crate::server::{Server, model};

/// Two pairs of clips, and what a judge's report says of them.
fn report(judge: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let rows = ["a fox jumps", "a dog sleeps"].map(|prompt| {
        json!({"prompt": prompt, "video_left": "a.gif", "video_right": "b.gif", "vote_type": "leftvote"})
    });
    let data = Value::from_iter(rows).to_string();
    atomic::write(&folder.path().join("data"), data.as_bytes()).unwrap();
    for (name, grey) in [("a.gif", 40), ("b.gif", 200)] {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for frame in 0..5u8 {
            let picture = RgbImage::from_pixel(112, 112, Rgb([grey + frame; 3]));
            encoder.encode_frame(Frame::new(picture.convert())).unwrap();
        }
        drop(encoder);
        atomic::write(&folder.path().join(name), &bytes).unwrap();
    }
    let done = Command::new(env!("CARGO_BIN_EXE_vrt"))
        .current_dir(&folder)
        .args(["eval", "genai-bench", "--data", "data", "--videos", "."])
        .args(["--max-tokens", "12", "--json", "report.json"])
        .args(judge)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{errors}");
    let bytes = std::fs::read(folder.path().join("report.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_random_model_is_cut_off_and_counted_served_or_not() {
    let server = Server::start();
    let served = report(&["--server", &server.url, "--model", "tiny-vl"]);
    let folder = model();
    let own = report(&["--checkpoint", folder.to_str().unwrap()]);
    for report in [&served, &own] {
        assert_eq!(report["runs"]["plain"]["stops"], json!({"cut": 2}));
        assert_eq!(report["runs"]["plain"]["tokens"], 12.0);
        assert_eq!(report["subsets"][0]["scores"][0]["no_answer"], 2);
    }
    assert_eq!(served["subsets"], own["subsets"]);
}
