//! In: numbers in order. Out: their course as a row of blocks.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The course of `values` in at most `columns` columns, each the mean of its share of the values, scaled from the
/// smallest column to the largest. A column without a finite value is blank; a flat course lies in the middle.
pub fn sparkline(values: &[f64], columns: usize) -> String {
    let columns = columns.min(values.len());
    let means: Vec<Option<f64>> = (0..columns)
        .map(|column| {
            let from = column * values.len() / columns;
            let to = (column + 1) * values.len() / columns;
            let finite: Vec<f64> = (values[from..to].iter().copied())
                .filter(|value| value.is_finite())
                .collect();
            let count = finite.len() as f64;
            (!finite.is_empty()).then(|| finite.iter().map(|value| value / count).sum())
        })
        .collect();
    let known = || means.iter().flatten().copied();
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    let block = |mean: f64| {
        // Halves first: the difference of the ends alone may be too large for a number.
        let span = high / 2.0 - low / 2.0;
        let share = if span > 0.0 {
            (mean / 2.0 - low / 2.0) / span
        } else {
            0.5
        };
        BLOCKS[((share * 7.0).round() as usize).min(7)]
    };
    means.iter().map(|mean| mean.map_or(' ', block)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_course_is_drawn_from_low_to_high() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(sparkline(&rising, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&rising, 4), "▁▃▆█");
        assert_eq!(sparkline(&rising[..3], 8), "▁▅█");
        assert_eq!(sparkline(&[2.0, 2.0], 8), "▅▅");
        assert_eq!(sparkline(&[0.0, f64::NAN, 1.0], 3), "▁ █");
        assert_eq!(sparkline(&[], 8), "");
    }

    proptest! {
        #[test]
        fn every_course_fits(values in prop::collection::vec(any::<f64>(), 0..200), columns in 1usize..40) {
            let drawn = sparkline(&values, columns);
            prop_assert_eq!(drawn.chars().count(), columns.min(values.len()));
            prop_assert!(drawn.chars().all(|c| c == ' ' || BLOCKS.contains(&c)));
        }
    }
}
