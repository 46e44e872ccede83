//! The state of the daemon for status, metrics and health.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use egret_capture::host::DigestCounts;
use egret_enforcer::Mode;
use egret_enforcer::controller::ControllerHandle;
use egret_enforcer::store::BaselineStore;
use egret_exporters::prometheus::Health;
use egret_model::snapshot::{Phase, SinkState, Snapshot, Source};
use egret_model::{Degradation, Layer, Loss, LossReason, LossStage};

use super::accounts::Accounts;
use super::fan_out::FanOut;
use super::heartbeat::Heartbeat;
use super::tallies::{Sums, Tallies};
use crate::control::Live;
use crate::privilege;
use crate::status::{Configuration, Describe, Listening, Status, Thread, Usage};

/// References to the state of all parts of the daemon.
pub(super) struct State {
    pub(super) started: Instant,
    pub(super) layer: Layer,
    pub(super) degradations: Vec<Degradation>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) tallies: Arc<Tallies>,
    pub(super) digests: Arc<DigestCounts>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) fan_out: Arc<FanOut>,
    pub(super) live: Arc<Live>,
    pub(super) listening: Listening,
    pub(super) stopping: AtomicBool,
    pub(super) configuration: Mutex<Configuration>,
    /// `None` without enforcement.
    pub(super) controller: Option<Arc<ControllerHandle>>,
    /// The baseline, if there is no controller.
    pub(super) baseline: Option<Arc<BaselineStore>>,
}

impl State {
    pub(super) fn configure(&self, configuration: Configuration) {
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) = configuration;
    }
}

impl Source for State {
    fn snapshot(&self) -> Snapshot {
        let Sums { mut tally, names, open } = self.tallies.get();
        tally.incomplete.extend(lost_digests(&self.digests));
        let mut sinks = self.accounts.states();
        sinks.push(SinkState { name: Live::NAME, capacity: Live::CAPACITY, account: self.live.account(), spool: None });
        let enforcement = self.controller.as_ref().map(|controller| controller.state());
        Snapshot {
            mode: enforcement.as_ref().map_or(Mode::Observe, |state| state.mode),
            layer: self.layer,
            degradations: self.degradations.clone(),
            tally,
            open,
            sinks,
            names,
            enforcement,
            baseline: self.baseline.as_ref().map(|baseline| baseline.state()),
        }
    }
}

/// Executables whose digests were not computed.
fn lost_digests(counts: &DigestCounts) -> Option<Loss> {
    let count = counts.lost();
    (count != 0).then_some(Loss { stage: LossStage::Digest, reason: LossReason::QueueFull, count })
}

impl Health for State {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.stopping.load(Ordering::Relaxed) {
            // The queues are closed on purpose then.
            return vec!["egret is stopping".to_owned()];
        }
        if !self.heartbeat.is_alive() {
            problems.push("the capture thread is stuck: the ring buffers were not drained for a while".to_owned());
        }
        let of_controller = self.controller.as_ref().and_then(|controller| controller.baseline.as_ref());
        let baseline = of_controller.or(self.baseline.as_ref());
        problems.extend(baseline.and_then(|baseline| baseline.problem()));
        if self.controller.as_ref().is_some_and(|controller| controller.phase() == Phase::Failed) {
            problems.push(
                "the controller has failed: enforce.on_failure is in force instead of the mode; see the log".to_owned(),
            );
        }
        problems.extend(self.fan_out.broken().map(|sink| format!("the {sink} sink has ended; see the log")));
        problems
    }
}

impl Describe for State {
    fn describe(&self) -> Status {
        let threads = privilege::held().into_iter().map(|(name, capabilities)| Thread { name, capabilities });
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            starting: false,
            stopping: self.stopping.load(Ordering::Relaxed),
            snapshot: self.snapshot(),
            listening: self.listening.clone(),
            configuration: self.configuration.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            threads: threads.collect(),
            usage: Usage::now(),
            troubles: self.problems(),
        }
    }
}
