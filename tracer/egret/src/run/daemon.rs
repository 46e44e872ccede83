//! The daemon from ready to end.

use std::io::PipeWriter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use egret_exporters::snapshot::{Snapshot, Source as _};
use egret_model::work;
use futures_util::future::join;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{Instrument as _, Span, info_span};

use super::kind::Parts;
use super::notify;
use super::own_spans::OwnSpans;
use super::servers::{Listeners, Servers};
use super::signals::{Signals, Wish};
use super::sinks::{Prepared, Sinks};
use super::state::State;
use super::watchdog;
use crate::args::RunOptions;
use crate::config::{self, Loaded, Problems, Reload};
use crate::enforce::{Book, Losses};
use crate::log::Log;
use crate::status::Configuration;

/// How long answers under way, and those who watch, may take once everything else has ended.
const GRACE: Duration = Duration::from_secs(1);

/// Everything that the daemon consists of, but for sinks and servers.
pub(super) struct Daemon<'a> {
    pub(super) options: &'a RunOptions,
    pub(super) log: &'a Log,
    pub(super) loaded: Loaded,
    pub(super) pipeline: Pipeline,
    pub(super) own_spans: OwnSpans<'a>,
    /// The span of the start, which ends once all is at work.
    pub(super) starting: Span,
}

/// The threads that capture and enrich.
pub(super) struct Pipeline {
    pub(super) state: Arc<State>,
    /// The baseline; `None` where none is learned.
    pub(super) book: Option<Arc<Book>>,
    /// Capture runs while this is there.
    pub(super) running: PipeWriter,
    /// Ready once the capture thread has ended.
    pub(super) captured: oneshot::Receiver<()>,
    /// Ready once the enriching thread has ended too, and closed the queues.
    pub(super) enriched: oneshot::Receiver<()>,
    /// Ready once nothing of egret's is in the packets' way any more; `None` where nothing can be.
    pub(super) enforced: Option<oneshot::Receiver<()>>,
}

impl Daemon<'_> {
    /// Starts sinks and servers, and does what signals ask for until that is to stop; says what became of everything.
    pub(super) async fn run(mut self, prepared: Prepared, listeners: Listeners) -> Result<Snapshot> {
        let state = Arc::clone(&self.pipeline.state);
        let starting = std::mem::replace(&mut self.starting, Span::none());
        let (mut signals, mut sinks, servers) = starting.in_scope(|| self.start(prepared, listeners))?;
        drop(starting);
        let broken = loop {
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Stop => break None,
                    Wish::Reload => self.reload(&mut sinks).await,
                },
                _ = &mut self.pipeline.captured => break Some("the capture thread broke down"),
                _ = &mut self.pipeline.enriched => break Some("the enriching thread broke down"),
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

    fn start(&self, prepared: Prepared, listeners: Listeners) -> Result<(Signals, Sinks, Servers)> {
        let signals = Signals::take().context("cannot take over signals")?;
        let tallies = Arc::clone(&self.pipeline.state.tallies);
        let losses: Losses = Arc::new(move || tallies.get().0.lost_total());
        let learning = self.pipeline.book.clone().map(|book| (book, losses));
        let parts = Parts { metrics: listeners.metrics(), learning, ..Parts::default() };
        let sinks = prepared.start(&self.loaded.settings, parts)?;
        let state = &self.pipeline.state;
        state.configure(described(&self.loaded, Vec::new()));
        let servers = listeners.serve(state)?;
        if let Some(limit) = notify::watchdog() {
            tokio::spawn(watchdog::watch(limit, Arc::clone(&state.pulse)));
        }
        self.tell_ready();
        Ok((signals, sinks, servers))
    }

    /// Takes egret out of the packets' way. Where it broke down, what is configured for that holds: rules that let nothing
    /// new pass without egret stay then.
    async fn open_the_way(&mut self, broken: bool) {
        if let (Some(desk), Some(enforced)) = (&self.pipeline.state.desk, self.pipeline.enforced.take()) {
            desk.stop(broken);
            // Nothing is ever sent: it is ready when the thread ends.
            let _ = enforced.await;
        }
    }

    fn tell_ready(&self) {
        let layer = self.pipeline.state.layer.as_str();
        tracing::info!(layer, "egret runs");
        notify::ready(&format!("Tracing with the {layer} layer"));
    }

    /// Reads the configuration again and takes over what can be. A wrong one changes nothing.
    async fn reload(&mut self, sinks: &mut Sinks) {
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
        let new = config::load(self.options.config.as_deref(), std::env::vars_os())?;
        let changes = config::reload_difference(&self.loaded, &new);
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
        if let (Some(desk), Some(enforce)) = (&self.pipeline.state.desk, &next.settings.enforce) {
            desk.reconfigure(enforce.live.clone());
        }
        self.pipeline.state.configure(described(&next, waiting));
        self.loaded = next;
        tracing::info!("configuration read again");
    }

    /// Stops capture, and has every sink send what it has, as long as that may take and nobody asks a second time.
    async fn stop(self, signals: &mut Signals, sinks: &mut Sinks, servers: Servers) {
        let Self { loaded, pipeline, mut own_spans, .. } = self;
        let Pipeline { state, running, captured, enriched, .. } = pipeline;
        let drain_for = loaded.settings.drain_for;
        tracing::info!(?drain_for, "stopping");
        state.stopping.store(true, Ordering::Relaxed);
        notify::stopping(drain_for);
        drop(running);
        let drained = async {
            // Nothing is ever sent: they are ready when the threads end.
            let _ = (captured.await, enriched.await);
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

fn described(loaded: &Loaded, waiting_for_restart: Vec<&'static str>) -> Configuration {
    Configuration { file: loaded.file.clone(), warnings: loaded.warnings.clone(), waiting_for_restart }
}
