//! In: episodes that end. Out: a bar with the time left on stderr, or a line at every tenth when it is no terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::table::grouped;
use crate::clock::Moment;

/// How far a piece of work is. Usable from any thread.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    what: String,
    lines: bool,
    began: Moment,
    total: u64,
    done: AtomicU64,
    /// Pieces that were there before: they say nothing of the speed.
    recalled: AtomicU64,
}

impl Progress {
    /// Begins work of so many pieces, shown as `what`.
    pub fn start(what: &str, total: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal {
            ProgressBar::new(total as u64).with_prefix(what.to_owned())
        } else {
            ProgressBar::hidden()
        };
        let style =
            ProgressStyle::with_template("{prefix:<28} {bar:24.cyan/blue} {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            what: what.to_owned(),
            lines: !terminal,
            began: Moment::now(),
            total: total as u64,
            done: AtomicU64::new(0),
            recalled: AtomicU64::new(0),
        }
    }

    /// One piece is done; `recalled` if an earlier run did it.
    pub fn advance(&self, recalled: bool) {
        let before = self
            .recalled
            .fetch_add(u64::from(recalled), Ordering::Relaxed);
        let recalled = before + u64::from(recalled);
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let left = left(
            self.began.elapsed(),
            done.saturating_sub(recalled),
            self.total.saturating_sub(done),
        );
        let left = left.map_or(String::new(), |left| format!("{} left", spoken(left)));
        self.bar.set_message(left.clone());
        self.bar.set_position(done);
        let tenth = |done: u64| done * 10 / self.total.max(1);
        if self.lines && tenth(done) > tenth(done - 1) {
            let comma = if left.is_empty() { "" } else { ", " };
            let (done, total) = (grouped(done), grouped(self.total));
            eprintln!("{}: {done} of {total}{comma}{left}", self.what);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What so many pieces take at the speed so far.
fn left(elapsed: Duration, done: u64, left: u64) -> Option<Duration> {
    let each = elapsed.as_secs_f64() / done as f64;
    (done > 0 && left > 0).then(|| Duration::try_from_secs_f64(each * left as f64).ok())?
}

/// `45 s`, `12 min`, `3 h 5 min`.
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..5400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_counts_what_this_run_did() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(10), 5, 20), Some(seconds(40)));
        assert_eq!(left(seconds(10), 0, 20), None);
        assert_eq!(left(seconds(10), 5, 0), None);
        assert_eq!(
            [7, 150, 11_100].map(|time| spoken(seconds(time))),
            ["7 s", "3 min", "3 h 5 min"]
        );
    }
}
