//! In: an experiment's id, scale and seeds. Out: the command that computes it.

use experiments::spec::{Scale, Spec};

/// The command that runs the experiment `id` as its spec says.
pub fn plain(id: &str) -> String {
    format!("cargo run -p experiments -- {id}")
}

/// The same at `scale`.
pub fn at(id: &str, scale: Scale) -> String {
    match scale {
        Scale::Laptop => plain(id),
        scale => format!("{} --scale {}", plain(id), scale.name()),
    }
}

/// The command that computed a result of these seeds.
pub fn of(spec: &Spec, scale: Scale, seeds: &[u64]) -> String {
    let own = spec.seeds(scale);
    let mut command = at(spec.id(), scale);
    if own.is_ok_and(|own| own != seeds) {
        command += &format!(" --seeds {}", seeds.len());
    }
    command
}
