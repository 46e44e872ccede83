//! What the daemon says of itself, to whoever asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use egret_enforcer::Mode;
use egret_exporters::prometheus::Health;
use egret_exporters::snapshot::{SinkState, Snapshot, Source};
use egret_model::{Degradation, Layer};

use super::accounts::Accounts;
use super::fan_out::FanOut;
use super::pulse::Pulse;
use super::tallies::{Sums, Tallies};
use crate::control::Live;
use crate::enforce::Desk;
use crate::privilege;
use crate::status::{Configuration, Describe, Listening, Status, Thread, Usage};

/// Everything that is told, in one place; each part is kept by who does the work.
pub(super) struct State {
    pub(super) started: Instant,
    pub(super) layer: Layer,
    pub(super) degradations: Vec<Degradation>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) tallies: Arc<Tallies>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) fan_out: Arc<FanOut>,
    pub(super) live: Arc<Live>,
    pub(super) listening: Listening,
    pub(super) stopping: AtomicBool,
    pub(super) configuration: Mutex<Configuration>,
    /// Who switches modes; `None` where nobody may.
    pub(super) desk: Option<Arc<Desk>>,
}

impl State {
    /// What to know about the configuration, from now on.
    pub(super) fn configure(&self, configuration: Configuration) {
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) = configuration;
    }
}

impl Source for State {
    fn snapshot(&self) -> Snapshot {
        let Sums { tally, names, open } = self.tallies.get();
        let mut sinks = self.accounts.states();
        sinks.push(SinkState { name: Live::NAME, capacity: Live::CAPACITY, account: self.live.account() });
        let enforcement = self.desk.as_ref().map(|desk| desk.state());
        Snapshot {
            mode: enforcement.as_ref().map_or(Mode::Observe.as_str(), |state| state.mode),
            layer: self.layer,
            degradations: self.degradations.clone(),
            tally,
            open,
            sinks,
            names,
            enforcement,
        }
    }
}

impl Health for State {
    fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.stopping.load(Ordering::Relaxed) {
            // The queues are closed then, as they should be.
            return vec!["egret is stopping".to_owned()];
        }
        if !self.pulse.is_alive() {
            troubles.push("the rings were not drained for a while".to_owned());
        }
        if let Some(state) = self.desk.as_ref().map(|desk| desk.state()) {
            troubles.extend(state.baseline.iter().flat_map(|baseline| baseline.problems.iter().cloned()));
        }
        troubles.extend(self.fan_out.broken().map(|sink| format!("the {sink} sink broke down; see the log")));
        troubles
    }
}

impl Describe for State {
    fn describe(&self) -> Status {
        let threads = privilege::held().into_iter().map(|(name, capabilities)| Thread { name, capabilities });
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            stopping: self.stopping.load(Ordering::Relaxed),
            snapshot: self.snapshot(),
            listening: self.listening.clone(),
            configuration: self.configuration.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            threads: threads.collect(),
            usage: Usage::now(),
            troubles: self.troubles(),
        }
    }
}
