//! `egret trace --attach`: shows the events of a daemon instead of capturing.

use std::io;
use std::os::fd::AsFd as _;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use egret_args::TraceOptions;
use egret_config::paths;
use egret_exporters::json;
use egret_model::{Event, Loss, LossReason, LossStage, Tally, Timestamp};
use egret_view::exit;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::output::Output;
use super::report;
use crate::control::{Client, Events, Missed, block_on};
use crate::log::Log;

/// After a stop, the longest time to wait for events that the daemon still has.
const CATCH_UP: Duration = Duration::from_secs(2);
/// After this time without events the daemon has none.
const QUIET: Duration = Duration::from_millis(200);

/// Shows events until the end, and returns the exit status.
pub(super) fn run(options: &TraceOptions, log: &Log) -> Result<u8> {
    let socket = paths::socket(options.socket.as_deref());
    let attached = block_on(async {
        let events = Client::new(&socket).events().await?;
        tracing::info!(socket = %socket.display(), "attached");
        let mut attached = Attached {
            output: Output::start(options)?,
            events,
            shown: 0,
            latest: Timestamp::default(),
            missed: 0,
            unread: 0,
        };
        attached.follow(options.duration).await?;
        attached.catch_up().await;
        anyhow::Ok(attached)
    })??;
    let mut tally = attached.tally();
    let left = attached.output.finish().context("cannot write to standard output")?;
    tally.lose_delivered(LossStage::Output, LossReason::Closed, left);
    log.flush_repeats();
    report(&tally);
    Ok(exit::DONE)
}

/// An attached trace.
struct Attached {
    output: Output,
    events: Events,
    shown: u64,
    /// The time of the latest shown event.
    latest: Timestamp,
    /// Events that the daemon dropped because this program was too slow.
    missed: u64,
    /// Invalid lines.
    unread: u64,
}

impl Attached {
    async fn follow(&mut self, duration: Option<Duration>) -> Result<()> {
        let stop = stop(duration, self.output.is_pipe())?;
        tokio::pin!(stop);
        while !self.output.is_closed() {
            tokio::select! {
                () = &mut stop => break,
                lines = self.events.next() => match lines {
                    Some(lines) => self.show(&lines),
                    None => {
                        tracing::warn!("the daemon has ended");
                        break;
                    }
                },
            }
        }
        Ok(())
    }

    /// Shows the events that the daemon had for this program at the stop. The number of dropped events comes with them.
    async fn catch_up(&mut self) {
        let asked = now();
        let rest = async {
            while !self.output.is_closed()
                && let Ok(Some(lines)) = timeout(QUIET, self.events.next()).await
            {
                self.show(&lines);
                if self.latest > asked {
                    break;
                }
            }
        };
        // After the time-out, remaining events are neither shown nor counted.
        let _ = timeout(CATCH_UP, rest).await;
    }

    /// While the output is slow nothing is read, and the daemon drops and counts events.
    fn show(&mut self, lines: &[u8]) {
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events: Vec<Event> = lines.filter_map(|line| self.read(line)).collect();
        self.shown += u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.latest = events.iter().map(|event| event.time).fold(self.latest, Timestamp::max);
        self.output.send(events);
    }

    fn read(&mut self, line: &[u8]) -> Option<Event> {
        match json::read_event(line) {
            Ok(event) => return Some(event),
            Err(error) => match serde_json::from_slice::<Missed>(line) {
                Ok(missed) => self.missed += missed.events,
                Err(_) => {
                    self.unread += 1;
                    tracing::warn!(%error, "event cannot be read");
                }
            },
        }
        None
    }

    fn tally(&self) -> Tally {
        let kinds = [
            (LossStage::Queue, LossReason::QueueFull, self.missed),
            (LossStage::Decode, LossReason::Malformed, self.unread),
        ];
        let lost = kinds.into_iter().filter(|(.., count)| *count != 0);
        Tally {
            captured: self.shown + self.missed + self.unread,
            delivered: self.shown,
            lost: lost.map(|(stage, reason, count)| Loss { stage, reason, count }).collect(),
            ..Tally::default()
        }
    }
}

/// Ready after `duration`, on a signal, or when the reader of a pipe has closed it.
fn stop(duration: Option<Duration>, is_pipe: bool) -> Result<impl Future<Output = ()>> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()
        .context("cannot handle signals")?;
    let mut gone = is_pipe.then(reader_gone);
    Ok(async move {
        let signalled = futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv())));
        let gone = async {
            match &mut gone {
                Some(gone) => drop(gone.await),
                None => std::future::pending().await,
            }
        };
        let over = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = signalled => {}
            () = gone => {}
            () = over => {}
        }
    })
}

/// Ready once the reader of standard output has closed it.
fn reader_gone() -> oneshot::Receiver<()> {
    let (sender, gone) = oneshot::channel();
    // On its own thread, which ends with the program: the runtime cannot wait for a shared descriptor.
    thread::spawn(move || {
        let stdout = io::stdout();
        // Without requested events, poll still reports errors.
        let mut descriptors = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        while poll(&mut descriptors, PollTimeout::NONE).is_err() {}
        let _ = sender.send(());
    });
    gone
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
