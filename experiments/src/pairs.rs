//! In: an arm, and how many pairs. Out: its held-out pairs as videos and a preference file, in forms that `vrt` reads.
//!
//! A frame of the world has 256 pixels, so a GIF whose every frame brings its own palette keeps all of its 8-bit colours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use gif::{Encoder, Repeat};
use serde::Serialize;
use vrt_core::pair::{FrameOffset, PairKey, Preference, Side, Verdict, Video, VideoError};
use vrt_train::atomic;

use crate::export::{Chosen, ExportError, chosen};
use crate::graph::Graph;
use crate::lines;
use crate::run::{ExperimentError, JUDGMENTS};
use crate::spec::Scale;
use crate::stages::{Maker, WORLD_SEED, chain};
use crate::stats::Row;
use crate::store::{State, Store};
use crate::workspace::Workspace;
use crate::world::World;
use crate::world::frame::SIZE;

/// The preference file.
pub const FILE: &str = "pairs.json";

/// Hundredths of a second that a frame is shown for.
const DELAY: u16 = 12;

/// Writes held-out pairs of an experiment as videos, for `vrt judge` and `vrt eval` with --tiny
///
/// Into the folder: pairs.json, in the form of VideoGen-RewardBench with labels overall and of each dimension, and
/// videos/, a GIF a video. The colours are rounded to 8 bits; nothing else is lost. Where the arm has judged these pairs
/// already, it is said how often it was right, which is what `vrt eval` should find (a frame rounded to 8 bits may turn a
/// close decision).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run -p experiments -- pairs fig3 --out world                   24 pairs: 8 of each length
  cargo run -p experiments -- pairs fig3 --out world --per-split 200   enough for an accuracy
  cargo run -p experiments -- export fig3 --out tiny.safetensors       the policy, then
  cargo run -p vrt -- eval videogen-rewardbench --data world/pairs.json --videos world --no-swap --tiny tiny.safetensors")]
pub struct PairsArgs {
    /// The experiment
    #[arg(value_name = "ID")]
    id: String,
    /// The arm whose pairs are written [default: the first one]
    #[arg(long, value_name = "ID")]
    arm: Option<String>,
    /// Which of its scales
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// The training seed of the judgments that are looked up [default: the spec's first]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Pairs of each split: its first ones
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    per_split: u32,
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// A row of the preference file.
#[derive(Debug, Serialize)]
struct Filed<'a> {
    #[serde(rename = "path_A")]
    first: &'a str,
    #[serde(rename = "path_B")]
    second: &'a str,
    prompt: &'a str,
    #[serde(rename = "TA")]
    alignment: &'static str,
    #[serde(rename = "VQ")]
    quality: &'static str,
    #[serde(rename = "MQ")]
    motion: &'static str,
    #[serde(rename = "Overall")]
    overall: &'static str,
    split: &'a str,
    key: String,
}

fn letter(preference: Preference) -> &'static str {
    match preference {
        Preference::Tie => "same",
        Preference::First => "A",
        Preference::Second => "B",
    }
}

/// Writes the folder; what to tell of it.
///
/// # Errors
/// [`ExportError`]; the preference file is written last.
pub fn pairs(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    arguments: &PairsArgs,
) -> Result<String, ExportError> {
    let chosen = chosen(
        specs,
        &arguments.id,
        arguments.arm.as_ref(),
        arguments.scale,
        arguments.seed,
    )?;
    let params = &chosen.arm.params;
    let world = World::new(WORLD_SEED, params.world.clone())
        .map_err(|error| ExportError::World(error.to_string()))?;
    let population = params.eval.population(&world);
    let population = population.map_err(|error| ExportError::World(error.to_string()))?;
    let mut written: BTreeSet<PairKey> = BTreeSet::new();
    let mut filed = Vec::new();
    for asked in population.iter().filter(|asked| !asked.is_redundant()) {
        for &key in asked.keys.iter().take(arguments.per_split as usize) {
            // The same pair may belong to several splits.
            if written.insert(key) {
                filed.push(write(&arguments.out, &world, key, &asked.split)?);
            }
        }
    }
    let text = serde_json::to_string_pretty(&filed)
        .map_err(|error| ExportError::World(error.to_string()))?;
    atomic::write(&arguments.out.join(FILE), text.as_bytes())?;
    let mut told = format!(
        "{} pairs, written to {}",
        filed.len(),
        arguments.out.display()
    );
    if let Some((right, of)) = known(workspace, makers, &chosen, &written)? {
        told += &format!(
            "\n{} / {} with seed {} was right overall in {right} of {of} of them: {:.1} %",
            arguments.id,
            chosen.arm.id,
            chosen.seed,
            100.0 * right as f64 / of as f64
        );
    }
    Ok(told)
}

/// One row as an object of JSON, its videos written.
fn write(
    folder: &Path,
    world: &World,
    key: PairKey,
    split: &str,
) -> Result<serde_json::Value, ExportError> {
    let pair = world.pair(key);
    let paths = [1, 2].map(|number| format!("videos/{:016x}-{number}.gif", key.0));
    for (side, path) in Side::BOTH.into_iter().zip(&paths) {
        let bytes = gif(pair.videos[side as usize].as_ref())
            .map_err(|error| ExportError::World(error.to_string()))?;
        atomic::write(&folder.join(path), &bytes)?;
    }
    let Some(Verdict {
        dimensions: [alignment, quality, motion],
        overall,
    }) = pair.truth
    else {
        let why = format!("pair {:#018x} has no ground truth", key.0);
        return Err(ExportError::World(why));
    };
    let row = Filed {
        first: &paths[0],
        second: &paths[1],
        prompt: &pair.caption,
        alignment: letter(alignment),
        quality: letter(quality),
        motion: letter(motion),
        overall: letter(overall),
        split,
        key: format!("{:016x}", key.0),
    };
    serde_json::to_value(row).map_err(|error| ExportError::World(error.to_string()))
}

/// A video of the world cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum GifError {
    /// A frame cannot be drawn.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// The encoder refused.
    #[error("the GIF cannot be encoded: {0}")]
    Encode(#[from] gif::EncodingError),
    /// A frame of more colours than a palette holds.
    #[error("frame {0} has more than 256 colours, which a GIF cannot keep")]
    Colours(u32),
}

/// The video as a GIF, every 8-bit colour of every frame kept.
///
/// # Errors
/// [`GifError`]; a frame of the world has no more pixels than a palette has colours.
pub fn gif(video: &dyn Video) -> Result<Vec<u8>, GifError> {
    let side = SIZE as u16;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side, side, &[])?;
    encoder.set_repeat(Repeat::Infinite)?;
    for number in 0..video.len() {
        let frame = video.frame(FrameOffset(number))?;
        let rgb = frame.rgb8();
        let (colours, _) = rgb.as_chunks::<3>();
        let mut places: BTreeMap<[u8; 3], u8> = colours.iter().map(|&one| (one, 0)).collect();
        for (place, index) in places.values_mut().enumerate() {
            *index = u8::try_from(place).map_err(|_| GifError::Colours(number))?;
        }
        let pixels: Vec<u8> = colours.iter().map(|colour| places[colour]).collect();
        let palette: Vec<u8> = places.keys().flatten().copied().collect();
        let (width, height) = (frame.width as u16, frame.height as u16);
        let mut frame = gif::Frame::from_palette_pixels(width, height, pixels, palette, None);
        frame.delay = DELAY;
        encoder.write_frame(&frame)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// How many of these pairs the arm judged right overall, and how many it judged, where its judgments are in the cache.
fn known(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    chosen: &Chosen,
    written: &BTreeSet<PairKey>,
) -> Result<Option<(usize, usize)>, ExportError> {
    let names: Vec<&str> = chosen.arm.chain.iter().map(String::as_str).collect();
    let mut graph = Graph::default();
    let id = chain(makers, &names, &mut graph, &chosen.arm.params, chosen.seed)?;
    let store = Store::at(&workspace.cache);
    let Some(stage) = graph.get(id) else {
        return Ok(None);
    };
    let path = store.entry(stage.kind(), id).join(JUDGMENTS);
    if !matches!(store.inspect(stage.as_ref())?, State::Cached(_)) || !path.exists() {
        return Ok(None);
    }
    let rows: Vec<Row> = lines::read(&path).map_err(ExperimentError::from)?;
    let mut seen = BTreeSet::new();
    let rows = rows.iter().filter(|row| !row.split.ends_with(".redundant"));
    let own = rows.filter(|row| written.contains(&PairKey(row.pair)) && seen.insert(row.pair));
    let right: Vec<bool> = own
        .map(|row| row.answer.is_some_and(|answer| answer[3] == row.truth[3]))
        .collect();
    let count = right.iter().filter(|right| **right).count();
    Ok((!right.is_empty()).then_some((count, right.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::config::WorldConfig;
    use crate::world::split::{Length, Split};

    #[test]
    fn a_gif_keeps_every_colour_of_every_frame() {
        let world = World::new(3, WorldConfig::default()).unwrap();
        for key in Split::Design(Length::Short).keys(6) {
            let video = &world.pair(key).videos[0];
            let bytes = gif(video.as_ref()).unwrap();
            let mut options = gif::DecodeOptions::new();
            options.set_color_output(gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(bytes.as_slice()).unwrap();
            for number in 0..video.len() {
                let drawn = video.frame(FrameOffset(number)).unwrap().rgb8();
                let frame = decoder.read_next_frame().unwrap().unwrap();
                let (read, _) = frame.buffer.as_chunks::<4>();
                let read: Vec<u8> = read
                    .iter()
                    .flat_map(|rgba| [rgba[0], rgba[1], rgba[2]])
                    .collect();
                assert!(read == drawn, "frame {number}");
            }
            assert!(decoder.read_next_frame().unwrap().is_none());
        }
    }
}
