//! In: how far a stage is. Out: a bar with the time left on stderr, or plain lines when it is no terminal.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::live::Live;

/// Where progress is shown.
#[derive(Clone, Debug)]
pub struct Display {
    bars: MultiProgress,
    style: Style,
    live: Option<Arc<Live>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    Bars,
    Lines,
    Silent,
}

impl Display {
    /// Bars on a terminal, plain lines elsewhere; always on stderr.
    pub fn stderr() -> Self {
        let style = if std::io::stderr().is_terminal() {
            Style::Bars
        } else {
            Style::Lines
        };
        Self {
            bars: MultiProgress::new(),
            style,
            live: None,
        }
    }

    /// The same, and measurements are streamed into this folder as they come: see [`crate::live`].
    pub fn streaming(self, folder: PathBuf) -> Self {
        Self {
            live: Some(Arc::new(Live::into_folder(folder))),
            ..self
        }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            style: Style::Silent,
            live: None,
        }
    }

    /// One line for people, above the bars.
    pub fn say(&self, line: &str) {
        match self.style {
            Style::Bars => {
                // A line that cannot be drawn is not worth failing a run for.
                let _ = self.bars.println(line);
            }
            Style::Lines => eprintln!("{line}"),
            Style::Silent => {}
        }
    }

    /// The progress of one stage, shown as `[place] title`.
    pub fn stage(&self, place: &str, title: &str) -> Progress {
        let bar = match self.style {
            Style::Bars => {
                let bar = self.bars.add(ProgressBar::new(0));
                bar.set_style(bar_style());
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }
            Style::Lines | Style::Silent => ProgressBar::hidden(),
        };
        bar.set_prefix(format!("{place} {title}"));
        self.lines(&format!("{place} {title}"));
        Progress {
            bar,
            display: self.clone(),
            tenth: Arc::new(AtomicU64::new(0)),
            words: Arc::default(),
            blind: Arc::default(),
        }
    }

    fn lines(&self, line: &str) {
        if self.style == Style::Lines {
            eprintln!("{line}");
        }
    }
}

fn bar_style() -> ProgressStyle {
    let template = "{prefix:<46!} {bar:24.cyan/blue} {percent:>3}%  {eta:>4} left  {msg:.dim}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// The handle a stage moves forward. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    display: Display,
    tenth: Arc<AtomicU64>,
    words: Arc<Mutex<Words>>,
    /// Whether the stage's measurements are no longer streamed.
    blind: Arc<AtomicBool>,
}

/// What stands beside the bar.
#[derive(Debug, Default)]
struct Words {
    trend: String,
    remark: String,
}

impl Progress {
    /// Sets how many units there are, and how many a resumed stage has done already.
    pub fn start(&self, length: u64, done: u64) {
        self.bar.set_length(length);
        self.bar.set_position(done);
        // The rate must not count what an earlier run did.
        self.bar.reset_eta();
        self.tenth.store(self.tenths(done), Ordering::Relaxed);
    }

    /// Sets the position.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
        let now = self.tenths(position);
        if now > self.tenth.fetch_max(now, Ordering::Relaxed) {
            let title = self.bar.prefix();
            let message = self.bar.message();
            let gap = if message.is_empty() { "" } else { "  " };
            self.display
                .lines(&format!("{title}: {}%{gap}{message}", now * 10));
        }
    }

    /// Moves forward by `n`.
    pub fn advance(&self, n: u64) {
        self.set(self.bar.position() + n);
    }

    /// A short remark beside the bar: `loss 1.23`.
    pub fn message(&self, text: impl Into<String>) {
        self.beside(|words| words.remark = text.into());
    }

    /// The course of what is measured, a sparkline, before the remark; on a terminal only.
    pub fn trend(&self, line: &str) {
        if self.display.style == Style::Bars {
            self.beside(|words| line.clone_into(&mut words.trend));
        }
    }

    fn beside(&self, change: impl FnOnce(&mut Words)) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut words);
        let parts = [words.trend.as_str(), words.remark.as_str()];
        let shown: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.bar.set_message(shown.join(" "));
    }

    /// One line for people, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.display.say(line);
    }

    /// Where the stage's measurements are streamed, if they are.
    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        let blind = self.blind.load(Ordering::Relaxed);
        self.display.live.clone().filter(|_| !blind)
    }

    /// Streams no more.
    pub(crate) fn blind(&self) {
        self.blind.store(true, Ordering::Relaxed);
    }

    pub(crate) fn finish(&self, line: &str) {
        self.bar.finish_and_clear();
        self.display.say(line);
    }

    fn tenths(&self, position: u64) -> u64 {
        match self.bar.length() {
            Some(length) if length > 0 => (position.min(length) * 10) / length,
            _ => 0,
        }
    }
}
