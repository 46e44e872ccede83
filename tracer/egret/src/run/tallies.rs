//! What was captured, as the capture thread last summed it up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::snapshot::NamesState;
use egret_model::Tally;

/// The sums that others read. The kernel's counters belong to the capture thread, which may be busy; so it publishes
/// them: several times a second while there is traffic, and when it stops.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<(Tally, Option<NamesState>)>);

impl Tallies {
    pub(super) fn set(&self, tally: Tally, names: Option<NamesState>) {
        *self.lock() = (tally, names);
    }

    pub(super) fn get(&self) -> (Tally, Option<NamesState>) {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Tally, Option<NamesState>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
