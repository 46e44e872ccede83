//! What was captured, as the capture thread last summed it up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_exporters::snapshot::NamesState;
use egret_model::{OpenConnections, Tally};

/// What others read.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) tally: Tally,
    pub(super) names: Option<NamesState>,
    pub(super) open: Option<Arc<OpenConnections>>,
}

/// The sums that others read. The kernel's counters belong to the capture thread, which may be busy; so it publishes
/// them: several times a second while there is traffic, and when it stops.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<Sums>);

impl Tallies {
    pub(super) fn set(&self, sums: Sums) {
        *self.lock() = sums;
    }

    pub(super) fn get(&self) -> Sums {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
