//! The daemon from ready to end.

use std::io::PipeWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
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
use super::signals::{Signals, Wish};
use super::sinks::{Prepared, Sinks};
use super::state::State;
use super::watchdog;
use crate::enforce::{self, Losses};
use crate::log::Log;
use crate::status::Configuration;

/// How long answers under way, and those who watch, may take once everything else has ended.
const GRACE: Duration = Duration::from_secs(1);

/// Everything that the daemon consists of, but for sinks and servers.
pub(super) struct Daemon<'a> {
    /// The file of the configuration, if one was named.
    pub(super) file: Option<PathBuf>,
    pub(super) log: &'a Log,
    pub(super) loaded: Loaded,
    pub(super) pipeline: Pipeline,
    pub(super) own_spans: OwnSpans<'a>,
    /// The span of the start, which ends once all is at work.
    pub(super) starting: Span,
}

/// The threads that capture and enrich.
pub(super) struct Pipeline {
    /// The controller's thread; `None` where nothing can be enforced. It is dropped first: that takes egret out of the packets'
    /// way, whatever ends the daemon, while capture still answers.
    pub(super) enforcer: Option<Supervisor>,
    pub(super) state: Arc<State>,
    /// The baseline; `None` where none is learned.
    pub(super) baseline: Option<Arc<BaselineStore>>,
    /// Capture runs while this is there.
    pub(super) running: PipeWriter,
    /// Ready once the capture thread has ended.
    pub(super) captured: oneshot::Receiver<()>,
    /// Ready once the enriching thread has ended too, and closed the queues.
    pub(super) enriched: oneshot::Receiver<()>,
    /// Ready once names are written for the last time; `None` where none are kept.
    pub(super) kept: Option<oneshot::Receiver<()>>,
}

impl Daemon<'_> {
    /// Starts sinks and servers, and does what signals ask for until that is to stop; says what became of everything.
    pub(super) async fn run(mut self, prepared: Prepared, listeners: Answering) -> Result<Snapshot> {
        let state = Arc::clone(&self.pipeline.state);
        let starting = std::mem::replace(&mut self.starting, Span::none());
        let (mut signals, mut sinks, servers) = starting.in_scope(|| self.start(prepared, listeners))?;
        drop(starting);
        // Last of all: a sink or a server that cannot be started leaves no rule behind.
        if let Some(enforcer) = &mut self.pipeline.enforcer {
            enforcer.begin();
        }
        let mut is_ready = false;
        let broken = loop {
            tokio::select! {
                () = in_force(&state), if !is_ready => {
                    is_ready = true;
                    self.tell_ready();
                }
                wish = signals.next() => match wish {
                    Wish::Stop => break None,
                    Wish::Reload => self.reload(&mut sinks).await,
                },
                _ = &mut self.pipeline.captured => break Some("the capture thread broke down"),
                _ = &mut self.pipeline.enriched => break Some("the enriching thread broke down"),
                () = enforcer_ended(&mut self.pipeline.enforcer) => break Some("the controller's thread ended"),
            }
        };
        // While capture still answers: packets are judged until their way is open.
        self.open_the_way(broken.is_some()).await;
        if let Some(reason) = broken {
            bail!(reason);
        }
        self.stop(&mut signals, &mut sinks, servers).await;
        Ok(state.snapshot())
    }

    fn start(&self, prepared: Prepared, listeners: Answering) -> Result<(Signals, Sinks, Servers)> {
        let signals = Signals::take().context("cannot take over signals")?;
        let tallies = Arc::clone(&self.pipeline.state.tallies);
        let losses: Losses = Arc::new(move || tallies.get().tally.lost_total());
        let learning = self.pipeline.baseline.clone().map(|baseline| (baseline, losses));
        let parts = Parts { metrics: listeners.metrics(), learning, ..Parts::default() };
        let sinks = prepared.start(&self.loaded.settings, parts)?;
        let state = &self.pipeline.state;
        state.configure(described(&self.loaded, Vec::new()));
        let servers = listeners.serve(state)?;
        if let Some(limit) = notify::watchdog() {
            tokio::spawn(watchdog::watch(limit, Arc::clone(&state.pulse)));
        }
        tokio::spawn(memory::watch(Arc::clone(&state.fan_out)));
        Ok((signals, sinks, servers))
    }

    /// Takes egret out of the packets' way. Where it broke down, what is configured for that holds: rules that let nothing
    /// new pass without egret stay then.
    async fn open_the_way(&mut self, broken: bool) {
        if let Some(enforcer) = self.pipeline.enforcer.take() {
            enforcer.stop(broken).await;
        }
    }

    fn tell_ready(&self) {
        let layer = self.pipeline.state.layer.as_str();
        tracing::info!(layer, "egret runs");
        notify::ready(&format!("Tracing with the {layer} layer"));
    }

    /// Reads the configuration again and takes over what can be. A wrong one changes nothing.
    async fn reload(&mut self, sinks: &mut Sinks) {
        fault::point("daemon");
        notify::reloading();
        sinks.reopen();
        let before = self.loaded.settings.clone();
        self.reload_configuration(sinks).instrument(info_span!(target: work::TARGET, work::RELOAD)).await;
        // Not before that span is over: it goes where spans went when it began.
        self.own_spans.reload(&before, &self.loaded.settings).await;
        self.tell_ready();
    }

    async fn reload_configuration(&mut self, sinks: &mut Sinks) {
        match self.reconfigured() {
            Ok(next) => self.take_over(next, sinks).await,
            Err(problems) => {
                problems.iter().for_each(|problem| tracing::error!("{problem}"));
                tracing::error!("the configuration is wrong; egret goes on as before");
            }
        }
    }

    /// What is to hold from now on, and what of the new configuration waits for a restart.
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
        waiting.iter().for_each(|key| tracing::warn!(key, "waits for a restart"));
        if let Err(error) = self.log.filter(&next.settings.log) {
            tracing::error!("{error:#}");
        }
        sinks.reload(&self.loaded.settings, &next.settings, next.settings.drain_for).await;
        if let (Some(controller), Some(settings)) = (&self.pipeline.state.controller, &next.settings.enforce) {
            controller.reconfigure(enforce::enforcer(settings));
        }
        self.pipeline.state.configure(described(&next, waiting));
        self.loaded = next;
        tracing::info!("configuration read again");
    }

    /// Stops capture, and has every sink send what it has, as long as that may take and nobody asks a second time.
    async fn stop(self, signals: &mut Signals, sinks: &mut Sinks, servers: Servers) {
        let Self { loaded, pipeline, mut own_spans, .. } = self;
        let Pipeline { state, running, captured, enriched, kept, .. } = pipeline;
        let drain_for = loaded.settings.drain_for;
        tracing::info!(?drain_for, "stopping");
        state.stopping.store(true, Ordering::Relaxed);
        notify::stopping(drain_for);
        drop(running);
        let drained = async {
            // Nothing is ever sent: they are ready when the threads end.
            let _ = (captured.await, enriched.await);
            if let Some(kept) = kept {
                let _ = kept.await;
            }
            sinks.ended().await;
        };
        let drain = async {
            tokio::select! {
                () = drained => {}
                () = sleep(drain_for) => tracing::warn!(?drain_for, "the time to drain is over"),
                () = signals.stop() => tracing::warn!("asked to stop a second time"),
            }
        };
        drain.instrument(info_span!(target: work::TARGET, work::DRAIN)).await;
        // Spans have a limit of their own, and say so when it is over: before the sums that are egret's last words.
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

/// Waits until the controller's thread has ended though nobody stopped it.
async fn enforcer_ended(enforcer: &mut Option<Supervisor>) {
    match enforcer {
        Some(enforcer) => enforcer.ended().await,
        None => std::future::pending().await,
    }
}

fn described(loaded: &Loaded, waiting_for_restart: Vec<&'static str>) -> Configuration {
    Configuration { file: loaded.file.clone(), warnings: loaded.warnings.clone(), waiting_for_restart }
}
