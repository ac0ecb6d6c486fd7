//! In: a plan of stages. Out: the same for people: what is cached, what would be built, how long it takes.

use std::fmt::Write;

use crate::graph::{Fate, Planned};

/// A plan in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Stages.
    pub stages: usize,
    /// Those that are finished.
    pub cached: usize,
    /// Those that will be built.
    pub builds: usize,
    /// Seconds that will take, estimated.
    pub seconds: f64,
}

impl Outlook {
    /// Of a plan.
    pub fn of(plan: &[Planned]) -> Self {
        let mut outlook = Self {
            stages: plan.len(),
            ..Self::default()
        };
        for planned in plan {
            match planned.fate {
                Fate::Cached => outlook.cached += 1,
                Fate::NotNeeded => {}
                Fate::Build | Fate::Rebuild(_) => outlook.builds += 1,
            }
            outlook.seconds += planned.seconds;
        }
        outlook
    }
}

/// The plan for people: what is cached, what would be built, how long it takes.
pub fn describe(plan: &[Planned]) -> String {
    let mut out = String::new();
    for planned in plan {
        let inputs: Vec<String> = planned
            .inputs
            .iter()
            .map(|id| id.short()[..8].to_owned())
            .collect();
        let fate = match &planned.fate {
            Fate::Cached => "cached".to_owned(),
            Fate::NotNeeded => "not needed".to_owned(),
            Fate::Build => format!("build   {:>8}", duration(planned.seconds)),
            Fate::Rebuild(why) => format!("rebuild {:>8}  ({why})", duration(planned.seconds)),
        };
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "{}  {:<48}  {:<20}  {fate}",
            &planned.id.short()[..8],
            planned.title,
            if inputs.is_empty() {
                String::new()
            } else {
                format!("← {}", inputs.join(" "))
            },
        );
    }
    let Outlook {
        stages,
        cached,
        builds,
        seconds,
    } = Outlook::of(plan);
    let _ = writeln!(
        out,
        "\n{stages} stages: {cached} cached, {builds} to build, about {}",
        duration(seconds)
    );
    out
}

/// `42 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=99 => format!("{whole} s"),
        100..=5999 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}
