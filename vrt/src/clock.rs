//! The only reader of the clock in this crate.
//!
//! Nothing read here reaches a judgment: times bound waits, and go to progress and the record of cost.

use std::time::{Duration, Instant, SystemTime};

/// A moment of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// This moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock; times never enter a judgment"
    )]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// The moment that much later; a wait too long for the clock ends in a century.
    pub fn after(self, wait: Duration) -> Self {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        Self(self.0.checked_add(wait).unwrap_or(self.0 + CENTURY))
    }

    /// How long it is from now until then; nothing if it has passed.
    pub fn until(self) -> Duration {
        self.0.saturating_duration_since(Self::now().0)
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
}

/// How long it is until a date of the calendar, as an HTTP header gives it; nothing if it has passed.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock; times never enter a judgment"
)]
pub fn until_date(date: SystemTime) -> Duration {
    date.duration_since(SystemTime::now()).unwrap_or_default()
}
