//! Starts, replaces and ends all sinks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egret_config::Settings;
use egret_exporters::names;
use egret_exporters::sink::{Receiver, queue};
use egret_model::work;
use futures_util::future::join_all;
use tokio::time::timeout;
use tracing::{Instrument as _, Span, info_span};

use super::accounts::Accounts;
use super::fan_out::FanOut;
use super::kind::{Kind, Parts};
use super::running::Running;

/// How long to wait for a cancelled sink. It may be blocked in a call.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// The queues of sinks that have not started. Events wait in them.
pub(super) struct Prepared {
    fan_out: Arc<FanOut>,
    accounts: Arc<Accounts>,
    queues: Vec<(Kind, Receiver)>,
}

impl Prepared {
    pub(super) fn new(settings: &Settings, fan_out: Arc<FanOut>, accounts: Arc<Accounts>) -> Self {
        let mut prepared = Self { fan_out, accounts, queues: Vec::new() };
        for kind in Kind::ALL {
            if let Some(events) = kind.queue_events(settings) {
                let queue = open(kind, events, &prepared.fan_out, &prepared.accounts);
                prepared.queues.push((kind, queue));
            }
        }
        prepared
    }

    /// Starts the sinks. Must be called within a runtime.
    pub(super) fn start(self, settings: &Settings, parts: Parts) -> Result<Sinks> {
        let Self { fan_out, accounts, queues } = self;
        let mut sinks = Sinks { fan_out, accounts, parts, running: Vec::new() };
        for (kind, inbox) in queues {
            sinks.start(kind, settings, inbox)?;
        }
        Ok(sinks)
    }
}

/// Creates the queue of a sink, which receives events from now on.
fn open(kind: Kind, events: usize, fan_out: &FanOut, accounts: &Accounts) -> Receiver {
    let (sender, receiver) = queue(kind.name(), events);
    accounts.open(receiver.ledger().clone());
    fan_out.put(sender);
    receiver
}

/// The running sinks.
pub(super) struct Sinks {
    fan_out: Arc<FanOut>,
    accounts: Arc<Accounts>,
    parts: Parts,
    running: Vec<Running>,
}

impl Sinks {
    fn start(&mut self, kind: Kind, settings: &Settings, inbox: Receiver) -> Result<()> {
        if let Some(work) = kind.create(settings, &mut self.parts)? {
            self.running.push(Running::start(work, inbox)?);
        }
        Ok(())
    }

    /// Replaces sinks whose settings changed. Each has `limit` to drain.
    pub(super) async fn reload(&mut self, old: &Settings, new: &Settings, limit: Duration) {
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_same(old, new)) {
            let replaced = async {
                match self.replace(kind, old, new, limit).await {
                    Ok(()) => tracing::info!(sink = kind.name(), "sink restarted"),
                    Err(error) => tracing::error!(sink = kind.name(), "{error:#}"),
                }
            };
            let span = info_span!(target: work::TARGET, work::REPLACE_SINK, { names::SINK } = kind.name());
            replaced.instrument(span).await;
        }
    }

    /// Events that come before the new sink runs wait in its queue.
    async fn replace(&mut self, kind: Kind, old: &Settings, new: &Settings, limit: Duration) -> Result<()> {
        let inbox = kind.queue_events(new).map(|events| open(kind, events, &self.fan_out, &self.accounts));
        if inbox.is_none() {
            self.fan_out.remove(kind.name());
        }
        self.end(kind, limit).await;
        let Some(inbox) = inbox else { return Ok(()) };
        let mut parts = self.parts.clone();
        match kind.create(new, &mut parts) {
            Ok(Some(work)) => {
                self.parts = parts;
                self.running.push(Running::start(work, inbox)?);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                self.start(kind, old, inbox).context("cannot restart with the old settings")?;
                Err(error.context("it continues with the old settings"))
            }
        }
    }

    async fn end(&mut self, kind: Kind, limit: Duration) {
        let Some(at) = self.running.iter().position(|running| running.name() == kind.name()) else { return };
        let mut running = self.running.swap_remove(at);
        let ended = async {
            if timeout(limit, running.end()).await.is_err() {
                tracing::warn!(sink = kind.name(), ?limit, "sink was replaced before it was drained");
                running.cancel();
                // The new sink needs resources of the old one, such as the lock of a spool.
                let _ = timeout(CANCEL_GRACE, running.end()).await;
            }
        };
        ended.instrument(ending(kind.name())).await;
    }

    /// Reopens the JSON file, if there is one.
    pub(super) fn reopen(&self) {
        if let Some(reopener) = &self.parts.reopener {
            reopener.reopen();
        }
    }

    /// Waits until all sinks have ended, after their queues are closed and empty.
    pub(super) async fn ended(&mut self) {
        let all = self.running.iter_mut().map(|running| {
            let span = ending(running.name());
            running.end().instrument(span)
        });
        join_all(all).await;
    }
}

fn ending(sink: &'static str) -> Span {
    info_span!(target: work::TARGET, work::END_SINK, { names::SINK } = sink)
}
