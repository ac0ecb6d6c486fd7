//! In: a configuration. Out: what a stage would do and need, without a weight of a checkpoint being read.

use std::fmt::Write;

use vrt_core::op::{OpSet, PaperOps};
use vrt_core::with_offered;
use vrt_train::tiny::TrainedTiny;

use super::config::ConfigFile;
use super::model::Model;
use super::outlook::Outlook;
use super::pairs::{PairLedger, Pairs};
use super::script::{Script, ScriptError};
use super::stage::{StageFolder, StageName};
use super::tables::ModelTable;
use super::tiny::{self, TinyModel};
use super::{TrainError, cold_start, pairs};
use crate::eval::table::grouped;
use crate::eval::{Depth, Estimate, Show};

/// Looks at the data and says what the stage would do.
///
/// # Errors
/// [`TrainError`]: whatever would stop the stage before its first step.
pub fn plan(file: &ConfigFile, stage: StageName) -> Result<String, TrainError> {
    let config = &file.config;
    file.start(stage)?;
    match &config.model {
        ModelTable::Checkpoint(table) => {
            let depth = Depth::Frames(table.rules.initial_per_video);
            let pairs = pairs(config, depth, &|_, _| Ok(()))?;
            let outlook = Outlook::of_checkpoint(table)?;
            text::<PaperOps>(file, stage, &outlook, &pairs, &|_| Ok(()))
        }
        ModelTable::Tiny(path) => {
            let trained = TrainedTiny::read(path)?;
            let outlook = Outlook::of_tiny(&trained);
            let depth = Depth::Frames(outlook.rules.initial_per_video);
            let pairs = pairs(config, depth, &tiny::fit(&trained))?;
            with_offered!(trained.offered(), Ops => {
                let model = TinyModel::<Ops>::new(trained)?;
                text::<Ops>(file, stage, &outlook, &pairs, &|script| model.check(script, &pairs))
            })
        }
    }
}

fn text<O: OpSet>(
    file: &ConfigFile,
    stage: StageName,
    outlook: &Outlook,
    pairs: &Pairs,
    check: &dyn Fn(&Script) -> Result<(), ScriptError>,
) -> Result<String, TrainError> {
    let config = &file.config;
    let mut text = String::new();
    let mut line = |name: &str, said: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name:<12} {said}");
    };
    line("stage", stage.to_string());
    line(outlook.kind, outlook.described.clone());
    line("pairs", described(&pairs.ledger));
    match stage {
        StageName::ColdStart => {
            let table = file.table(stage, config.cold_start.as_ref())?;
            let dimensions = config.data.benchmark.benchmark().dimensions();
            let (traces, keep) = (&table.traces, table.keep);
            let (scripts, ledger) =
                cold_start::read::<O>(traces, keep, pairs, &outlook.rules, dimensions, check)?;
            line(
                "traces",
                format!("{} of {} lines are learned", ledger.kept, ledger.lines),
            );
            line("steps", grouped(table.passes().steps(scripts.len())));
        }
        StageName::Rft => {
            let table = file.table(stage, config.rft.as_ref())?;
            let samples = u64::from(table.samples.get());
            let Outlook { rules, pixels, .. } = outlook;
            let shows = [Show::Plain];
            let one = Estimate::of(pairs.cases(), &shows, rules, *pixels, |_, _| false);
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
    let at = |stage| StageFolder::new(&config.out, stage, outlook.result);
    let begins = match file.start(stage)? {
        None => format!("the {} as it is", outlook.kind),
        Some(before) if at(before).is_done() => format!("the result of {before}"),
        Some(before) => format!("the result of {before}, which is not there yet"),
    };
    line("start", begins);
    let (name, size) = &outlook.trained;
    line(name, size.clone());
    let sampling = match stage {
        StageName::ColdStart => 0,
        StageName::Rft | StageName::Grpo => outlook.sampling,
    };
    let bytes = 4.0 * (outlook.learning + sampling) as f64;
    let size = match bytes {
        1e9.. => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.1} MB", bytes / 1e6),
    };
    line(
        "memory",
        format!("{size} of weights, activations not counted"),
    );
    let folder = at(stage);
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
        parts.push(format!("{} that cannot be used", ledger.unusable));
    }
    for (reason, rows) in &ledger.dropped {
        parts.push(format!("{rows} × {reason}"));
    }
    parts.join("; ")
}
