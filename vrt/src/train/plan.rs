//! In: a configuration. Out: what a stage would do and need, without a weight being read.

use std::fmt::Write;

use vrt_checkpoint::Checkpoint;
use vrt_core::model::lora::adapters;
use vrt_train::learn::SHARDS;

use super::config::ConfigFile;
use super::pairs::{PairLedger, Pairs};
use super::stage::{StageFolder, StageName};
use super::{TrainError, cold_start, start, threads};
use crate::eval::table::grouped;
use crate::eval::{Depth, Estimate, Show};

/// Looks at the data and says what the stage would do.
///
/// # Errors
/// [`TrainError`]: whatever would stop the stage before its first step.
pub fn plan(file: &ConfigFile, stage: StageName) -> Result<String, TrainError> {
    let config = &file.config;
    let start = start(file, stage)?;
    let depth = Depth::Frames(config.rules.initial_per_video);
    let pairs = Pairs::load(&config.data, depth, config.seed, threads(config))?;
    let checkpoint = Checkpoint::open(&config.checkpoint)?;
    let mut text = String::new();
    let mut line = |name: &str, said: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name:<12} {said}");
    };
    line("stage", stage.to_string());
    line("checkpoint", checkpoint.config().describe());
    line("pairs", described(&pairs.ledger));
    match stage {
        StageName::ColdStart => {
            let table = file.table(stage, config.cold_start.as_ref())?;
            let dimensions = config.data.benchmark.benchmark().dimensions();
            let (traces, keep) = (&table.traces, table.keep);
            let (scripts, ledger) =
                cold_start::read(traces, keep, &pairs, &config.rules, dimensions)?;
            line(
                "traces",
                format!("{} of {} lines are learned", ledger.kept, ledger.lines),
            );
            line("steps", grouped(table.passes().steps(scripts.len())));
        }
        StageName::Rft => {
            let table = file.table(stage, config.rft.as_ref())?;
            let samples = u64::from(table.samples.get());
            let rules = &config.rules;
            let shows = [Show::Plain];
            let one = Estimate::of(pairs.cases(), &shows, rules, config.pixels(), |_, _| false);
            line(
                "samples",
                format!("{} episodes", grouped(samples * one.episodes)),
            );
            let tokens = [one.visual_tokens.least, one.visual_tokens.most];
            let [least, most] = tokens.map(|tokens| grouped(samples * tokens));
            line(
                "pictures",
                format!("{least} to {most} visual tokens are read"),
            );
            let most = table.passes().steps(pairs.len());
            line("steps", format!("{} at most", grouped(most)));
        }
        StageName::Grpo => {
            let table = file.table(stage, config.grpo.as_ref())?;
            let grpo = table.config();
            let learned = grpo.steps * grpo.groups as u64;
            let episodes = learned * u64::from(grpo.samples);
            line("steps", grouped(grpo.steps));
            let most = (episodes as f64 * grpo.draws).ceil() as u64;
            line(
                "samples",
                format!("{} episodes, {} at most", grouped(episodes), grouped(most)),
            );
            let passes = learned as f64 / pairs.len() as f64;
            line("passes", format!("{passes:.2} over the pairs"));
        }
    }
    let begins = match start.stage() {
        None => "the checkpoint as it is".to_owned(),
        Some(before) if StageFolder::new(&config.out, before).is_done() => {
            format!("the result of {before}")
        }
        Some(before) => format!("the result of {before}, which is not there yet"),
    };
    line("start", begins);
    let decoder = &checkpoint.config().decoder;
    let trained = adapters(decoder, config.adapters) as u64;
    let embedding = (decoder.vocab * decoder.dim) as u64;
    let untied = if checkpoint.config().model.text.tied {
        0
    } else {
        embedding
    };
    let samples = stage != StageName::ColdStart;
    // 32 bits a number: the base, the weights laid out for decoding, and of the adapters parameters twice, both moments,
    // the reference and a gradient a shard.
    let base = decoder.macs() as u64 + untied;
    let decoding = if samples {
        decoder.macs() as u64 + embedding
    } else {
        0
    };
    let own = trained * (5 + SHARDS as u64);
    line("adapters", format!("{} parameters", grouped(trained)));
    let bytes = 4.0 * (base + decoding + own) as f64;
    let size = match bytes {
        1e9.. => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.1} MB", bytes / 1e6),
    };
    line(
        "memory",
        format!("{size} of weights, activations not counted"),
    );
    let folder = StageFolder::new(&config.out, stage);
    let state = match (folder.is_done(), folder.join("run.json").exists()) {
        (true, _) => "it has ended: nothing would be done",
        (_, true) => "it was begun: it would go on",
        _ => "new",
    };
    line("folder", format!("{} ({state})", folder.path().display()));
    Ok(text)
}

fn described(ledger: &PairLedger) -> String {
    let mut parts = vec![format!("{} of {} rows", ledger.pairs, ledger.rows)];
    if ledger.unlabelled > 0 {
        parts.push(format!(
            "{} without a label in some dimension or overall",
            ledger.unlabelled
        ));
    }
    if ledger.unusable > 0 {
        parts.push(format!("{} whose videos cannot be used", ledger.unusable));
    }
    for (reason, rows) in &ledger.dropped {
        parts.push(format!("{rows} × {reason}"));
    }
    parts.join("; ")
}
