//! In: how long earlier stages took on this machine. Out: an estimate of seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use vrt_train::atomic::{self, FileError};

use crate::stage::Cost;
use crate::store::{Spent, Store};

/// Measured rates, kept beside the cache and never part of a result.
#[derive(Debug)]
pub struct Rates {
    path: PathBuf,
    /// Units of work a second, by the stage's kind.
    measured: BTreeMap<String, f64>,
}

impl Rates {
    /// The rates measured so far. A missing or unreadable file only means default estimates.
    pub fn beside(store: &Store) -> Self {
        let path = store.root().join("rates.json");
        let measured = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Self { path, measured }
    }

    /// Seconds a stage of this kind and cost will take.
    pub fn seconds(&self, kind: &str, cost: Cost) -> f64 {
        let rate = self.measured.get(kind).copied();
        let usable = |rate: &f64| rate.is_finite() && *rate > 0.0;
        let rate = rate.filter(usable).unwrap_or(cost.default_rate);
        if usable(&rate) { cost.work / rate } else { 0.0 }
    }

    /// Learns from a finished stage.
    ///
    /// # Errors
    /// [`FileError`] when the rates cannot be written.
    pub fn learn(&mut self, kind: &str, spent: &Spent) -> Result<(), FileError> {
        // A resumed stage did only part of its work in the measured time.
        if spent.resumed || spent.seconds <= 0.0 || spent.work <= 0.0 {
            return Ok(());
        }
        self.measured
            .insert(kind.to_owned(), spent.work / spent.seconds);
        let text = serde_json::to_vec_pretty(&self.measured)
            .map_err(|e| FileError::at("write", &self.path)(e.into()))?;
        atomic::write(&self.path, &text)
    }
}
