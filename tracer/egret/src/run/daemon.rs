//! The daemon from the start of its sinks to its end.

use std::io::PipeWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail};
use egret_config::{Loaded, Problems, Reload};
use egret_enforcer::controller::Supervisor;
use egret_enforcer::fault;
use egret_enforcer::store::BaselineStore;
use egret_model::snapshot::{Snapshot, Source as _};
use egret_model::work;
use futures_util::future::join;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{Instrument as _, Span, info_span};

use super::kind::Parts;
use super::memory;
use super::notify;
use super::own_spans::OwnSpans;
use super::servers::{Answering, Servers};
use super::signals::{Request, Signals};
use super::sinks::{Prepared, Sinks};
use super::state::State;
use super::watchdog;
use crate::enforce::Losses;
use crate::log::Log;
use crate::status::Configuration;

/// Time for open requests and subscribers after everything else has ended.
const GRACE: Duration = Duration::from_secs(1);

/// The daemon without sinks and servers.
pub(super) struct Daemon<'a> {
    /// The named configuration file.
    pub(super) file: Option<PathBuf>,
    pub(super) log: &'a Log,
    pub(super) loaded: Loaded,
    pub(super) pipeline: Pipeline,
    pub(super) own_spans: OwnSpans<'a>,
    /// The span of the start, which ends when everything runs.
    pub(super) starting: Span,
}

/// The threads for capture, enriching and enforcement.
pub(super) struct Pipeline {
    /// The controller; `None` without enforcement. Dropped first, so that enforcement is torn down while capture still answers,
    /// whatever ends the daemon.
    pub(super) enforcer: Option<Supervisor>,
    pub(super) state: Arc<State>,
    pub(super) baseline: Option<Arc<BaselineStore>>,
    /// Capture runs until this is dropped.
    pub(super) running: PipeWriter,
    /// Ready once the capture thread has ended.
    pub(super) captured: oneshot::Receiver<()>,
    /// Ready once the enriching thread has ended and closed the queues.
    pub(super) enriched: oneshot::Receiver<()>,
    /// Ready once names were saved for the last time; `None` if names are not kept.
    pub(super) kept: Option<oneshot::Receiver<()>>,
}

impl Daemon<'_> {
    /// Starts sinks and servers, and handles signals until one stops the daemon. Returns the final snapshot.
    pub(super) async fn run(
        mut self,
        prepared: Prepared,
        listeners: Answering,
        mut signals: Signals,
    ) -> Result<Snapshot> {
        let state = Arc::clone(&self.pipeline.state);
        let starting = std::mem::replace(&mut self.starting, Span::none());
        let (mut sinks, servers) = starting.in_scope(|| self.start(prepared, listeners))?;
        drop(starting);
        // Started last, so that no firewall rule is installed if a sink or server fails to start.
        if let Some(enforcer) = &mut self.pipeline.enforcer {
            enforcer.begin();
        }
        let mut is_ready = false;
        let broken = loop {
            tokio::select! {
                () = in_force(&state), if !is_ready => {
                    is_ready = true;
                    self.report_ready();
                }
                action = signals.next() => match action {
                    Request::Stop => break None,
                    Request::Reload => self.reload(&mut sinks).await,
                },
                _ = &mut self.pipeline.captured => break Some("the capture thread panicked"),
                _ = &mut self.pipeline.enriched => break Some("the enriching thread panicked"),
                () = enforcer_ended(&mut self.pipeline.enforcer) => break Some("the controller thread ended"),
            }
        };
        // While capture still answers: packets are judged until enforcement is torn down.
        self.stop_enforcer(broken.is_some()).await;
        if let Some(reason) = broken {
            bail!(reason);
        }
        self.stop(&mut signals, &mut sinks, servers).await;
        Ok(state.snapshot())
    }

    fn start(&self, prepared: Prepared, listeners: Answering) -> Result<(Sinks, Servers)> {
        let tallies = Arc::clone(&self.pipeline.state.tallies);
        let losses: Losses = Arc::new(move || tallies.get().tally.lost_total());
        let learning = self.pipeline.baseline.clone().map(|baseline| (baseline, losses));
        let parts = Parts { metrics: listeners.metrics(), learning, ..Parts::default() };
        let sinks = prepared.start(&self.loaded.settings, parts)?;
        let state = &self.pipeline.state;
        state.configure(described(&self.loaded, Vec::new()));
        let servers = listeners.serve(state)?;
        if let Some(limit) = notify::watchdog() {
            tokio::spawn(watchdog::watch(limit, Arc::clone(&state.heartbeat)));
        }
        tokio::spawn(memory::watch(Arc::clone(&state.fan_out)));
        tokio::spawn(memory::trim());
        Ok((sinks, servers))
    }

    /// Tears enforcement down. After a failure of the daemon the failure policy applies: with `closed` the rules stay.
    async fn stop_enforcer(&mut self, broken: bool) {
        if let Some(enforcer) = self.pipeline.enforcer.take() {
            enforcer.stop(broken).await;
        }
    }

    fn report_ready(&self) {
        let layer = self.pipeline.state.layer.as_str();
        tracing::info!(layer, "egret runs");
        notify::ready(&format!("Tracing with the {layer} layer"));
    }

    /// Reloads the configuration and applies it. A configuration with errors changes nothing.
    async fn reload(&mut self, sinks: &mut Sinks) {
        fault::point("daemon");
        notify::reloading();
        sinks.reopen();
        let before = self.loaded.settings.clone();
        self.reload_configuration(sinks).instrument(info_span!(target: work::TARGET, work::RELOAD)).await;
        // After the span of the reload has ended, which still goes to the old provider.
        self.own_spans.reload(&before, &self.loaded.settings).await;
        self.report_ready();
    }

    async fn reload_configuration(&mut self, sinks: &mut Sinks) {
        match self.reconfigured() {
            Ok(next) => self.take_over(next, sinks).await,
            Err(problems) => {
                problems.iter().for_each(|problem| tracing::error!("{problem}"));
                tracing::error!("the configuration has errors; egret goes on as before");
            }
        }
    }

    /// The configuration to apply, and the options that wait for a restart.
    fn reconfigured(&self) -> Result<(Loaded, Vec<&'static str>), Problems> {
        let _reading = info_span!(target: work::TARGET, work::READ_CONFIGURATION).entered();
        let new = egret_config::load(self.file.as_deref(), std::env::vars_os())?;
        let changes = egret_config::reload_difference(&self.loaded, &new);
        let waiting =
            changes.iter().filter(|change| change.reload == Reload::Restart).map(|change| change.key).collect();
        Ok((self.loaded.taking_over(&new)?, waiting))
    }

    async fn take_over(&mut self, (next, waiting): (Loaded, Vec<&'static str>), sinks: &mut Sinks) {
        next.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        waiting.iter().for_each(|key| tracing::warn!(key, "option waits for a restart"));
        if let Err(error) = self.log.filter(&next.settings.log) {
            tracing::error!("{error:#}");
        }
        sinks.reload(&self.loaded.settings, &next.settings, next.settings.drain_for).await;
        if let (Some(controller), Some(settings)) = (&self.pipeline.state.controller, &next.settings.enforce) {
            controller.reconfigure(settings.enforcer());
        }
        self.pipeline.state.configure(described(&next, waiting));
        self.loaded = next;
        tracing::info!("configuration reloaded");
    }

    /// Stops capture and drains every sink, until the drain time is over or a second signal comes.
    async fn stop(self, signals: &mut Signals, sinks: &mut Sinks, servers: Servers) {
        let Self { loaded, pipeline, mut own_spans, .. } = self;
        let Pipeline { state, running, captured, enriched, kept, .. } = pipeline;
        let drain_for = loaded.settings.drain_for;
        tracing::info!(?drain_for, "stopping");
        state.stopping.store(true, Ordering::Relaxed);
        notify::stopping(drain_for);
        drop(running);
        let drained = async {
            // Ready when the senders are dropped at the end of the threads.
            let _ = (captured.await, enriched.await);
            if let Some(kept) = kept {
                let _ = kept.await;
            }
            sinks.ended().await;
        };
        let drain = async {
            tokio::select! {
                () = drained => {}
                () = sleep(drain_for) => tracing::warn!(?drain_for, "drain time is over"),
                () = signals.stop() => tracing::warn!("second signal: stopping at once"),
            }
        };
        drain.instrument(info_span!(target: work::TARGET, work::DRAIN)).await;
        // Spans have their own limit and report when it is over, before the final sums.
        let _ = join(timeout(GRACE, servers.end()), timeout(GRACE * 2, own_spans.end())).await;
        state.tallies.settle();
        state.accounts.abandon();
        state.live.abandon();
    }
}

/// Waits until the mode is in force, or the controller has failed.
async fn in_force(state: &State) {
    if let Some(controller) = &state.controller {
        controller.started().await;
    }
}

/// Waits until the controller thread has ended by itself.
async fn enforcer_ended(enforcer: &mut Option<Supervisor>) {
    match enforcer {
        Some(enforcer) => enforcer.ended().await,
        None => std::future::pending().await,
    }
}

fn described(loaded: &Loaded, waiting_for_restart: Vec<&'static str>) -> Configuration {
    Configuration { file: loaded.file.clone(), warnings: loaded.warnings.clone(), waiting_for_restart }
}
