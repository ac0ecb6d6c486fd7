//! In: a measurement. Out: its `table.md`: what judging costs here, beside what the paper reports.

use std::fmt::Write;

use super::table::padded;
use crate::measure::{ArmCosts, Measurement, Spread};
use crate::paper::PaperCost;

/// The measurement as Markdown.
pub fn table(measured: &Measurement) -> String {
    let mut out = format!(
        "# {}\n\nscale {} · measured on {} core{}, throughput with {} thread{} · median of {} [smallest, largest] · revision {}\n\n",
        measured.title,
        measured.scale.name(),
        measured.cores,
        plural(measured.cores),
        measured.threads,
        plural(measured.threads),
        measured.repeats,
        measured.revision,
    );
    let head = [
        "arm",
        "frames first",
        "calls",
        "tokens",
        "KV kB, mean",
        "KV kB, most",
        "KV × first arm",
        "KV GB: paper",
        "paper × first arm",
        "ms a judgment",
        "s: paper",
        "tokens/s",
        "tokens/s: paper",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for arm in &measured.arms {
        rows.push(row(measured, arm));
    }
    padded(&rows, &mut out);
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "\n## Notes\n\n- KV: keys and values held at most at any moment of a judgment, counted exactly, in float32. A judgment is \
         measured alone on one thread, from the pair to the verdict, its frames drawn and read anew; tokens a second count the \
         tokens that were chosen while all pairs were judged together.\n- Times are of this machine at this moment: they are \
         measured anew in every run and depend on what else it does."
    );
    if let Some(paper) = &measured.paper {
        let _ = writeln!(
            out,
            "- paper: {}, {}; another machine and another model, to be compared by ratio at most.",
            measured.paper_source, paper.what
        );
    }
    for note in &measured.notes {
        let _ = writeln!(out, "- {note}");
    }
    out
}

fn row(measured: &Measurement, arm: &ArmCosts) -> Vec<String> {
    let costs = &arm.costs;
    let first = measured.arms.first();
    let paper_of = |arm: &ArmCosts| measured.paper.as_ref()?.arms.get(&arm.id).cloned();
    let paper = paper_of(arm).unwrap_or_default();
    let ours_to_first = first.map(|first| costs.kv_bytes / first.costs.kv_bytes);
    let paper_to_first = first
        .and_then(paper_of)
        .and_then(|first| Some(paper.kv_gigabytes? / first.kv_gigabytes?));
    let times = |ratio: Option<f64>| {
        let finite = ratio.filter(|ratio| ratio.is_finite());
        finite.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))
    };
    vec![
        arm.label.clone(),
        format!("{:.0}", costs.frames),
        format!("{:.2}", costs.calls),
        format!("{:.1}", costs.tokens),
        format!("{:.1}", costs.kv_bytes / 1000.0),
        format!("{:.1}", costs.kv_bytes_most as f64 / 1000.0),
        times(ours_to_first),
        memory(&paper),
        times(paper_to_first),
        spread(costs.seconds, 1000.0, 2),
        number(paper.seconds),
        spread(costs.tokens_per_second, 1.0, 0),
        number(paper.tokens_per_second),
    ]
}

fn memory(paper: &PaperCost) -> String {
    if paper.out_of_memory {
        "out of memory".to_owned()
    } else {
        number(paper.kv_gigabytes)
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| value.to_string())
}

fn spread(spread: Spread, unit: f64, digits: usize) -> String {
    let [median, low, high] = [spread.median, spread.low, spread.high].map(|value| value * unit);
    format!("{median:.digits$} [{low:.digits$}, {high:.digits$}]")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::measure::Costs;
    use crate::paper::PaperCosts;
    use crate::spec::{Kind, Scale};

    #[test]
    fn ours_stands_beside_the_papers_and_is_never_mixed_with_it() {
        let arm = |id: &str, kv_bytes: f64| ArmCosts {
            id: id.to_owned(),
            label: id.to_owned(),
            costs: Costs {
                pairs: 3,
                frames: 8.0,
                calls: 1.25,
                tokens: 41.0,
                kv_bytes,
                kv_bytes_most: 90_000,
                seconds: Spread::of(vec![0.004, 0.002, 0.003]),
                tokens_per_second: Spread::of(vec![900.0]),
            },
        };
        let paper = BTreeMap::from([
            (
                "full".to_owned(),
                PaperCost {
                    kv_gigabytes: Some(7.0),
                    ..PaperCost::default()
                },
            ),
            (
                "all".to_owned(),
                PaperCost {
                    out_of_memory: true,
                    ..PaperCost::default()
                },
            ),
        ]);
        let text = table(&Measurement {
            id: "table5".to_owned(),
            title: "Costs".to_owned(),
            kind: Kind::Measurement,
            scale: Scale::Smoke,
            revision: "0".to_owned(),
            cores: 2,
            threads: 1,
            repeats: 3,
            arms: vec![arm("full", 50_000.0), arm("all", 125_000.0)],
            paper_source: "the paper".to_owned(),
            paper: Some(PaperCosts {
                what: "Table 5".to_owned(),
                arms: paper,
            }),
            notes: vec!["a note".to_owned()],
        });
        insta::assert_snapshot!(text);
    }
}
