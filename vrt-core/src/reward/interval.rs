//! In: the ranges of terms. Out: the range of an expression over them, also while compiling.

use std::fmt;

/// All values from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl Interval {
    /// From `low` to `high`.
    pub const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// One value.
    pub const fn point(value: f64) -> Self {
        Self::new(value, value)
    }

    /// Whether the value lies inside, up to the rounding of a few additions.
    pub fn contains(self, value: f64) -> bool {
        const ROUNDING: f64 = 1e-9;
        (self.low - ROUNDING..=self.high + ROUNDING).contains(&value)
    }

    /// Whether 0 is the only value.
    pub const fn is_zero(self) -> bool {
        self.low == 0.0 && self.high == 0.0
    }

    /// Whether `low` is not above `high`; false where a bound is not a number.
    pub const fn is_ordered(self) -> bool {
        self.low <= self.high
    }

    /// The range of `a + b`.
    pub const fn plus(self, other: Self) -> Self {
        Self::new(self.low + other.low, self.high + other.high)
    }

    /// The range of `a − b`.
    pub const fn minus(self, other: Self) -> Self {
        Self::new(self.low - other.high, self.high - other.low)
    }

    /// The range of `−a`.
    pub const fn negated(self) -> Self {
        Self::new(-self.high, -self.low)
    }

    /// The range of `a · b`.
    pub const fn times(self, other: Self) -> Self {
        let corners = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        let mut out = Self::point(corners[0]);
        let mut i = 1;
        while i < corners.len() {
            out.low = out.low.min(corners[i]);
            out.high = out.high.max(corners[i]);
            i += 1;
        }
        out
    }

    /// The range of `|a|`.
    pub const fn abs(self) -> Self {
        let largest = self.low.abs().max(self.high.abs());
        if self.low <= 0.0 && self.high >= 0.0 {
            Self::new(0.0, largest)
        } else {
            Self::new(self.low.abs().min(self.high.abs()), largest)
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.low, self.high)
    }
}
