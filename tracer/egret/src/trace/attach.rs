//! `egret trace --attach`: the events of a daemon, instead of a capture of our own.

use std::io;
use std::os::fd::AsFd as _;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use egret_config::paths;
use egret_exporters::json;
use egret_model::{Event, Loss, LossReason, LossStage, Tally, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::output::Output;
use super::report;
use crate::args::TraceOptions;
use crate::control::{Client, Events, Missed};
use crate::exit;
use crate::log::Log;

/// Once asked to stop, this program waits so long for what the daemon still has, at most.
const CATCH_UP: Duration = Duration::from_secs(2);
/// A daemon that sends nothing for so long has nothing.
const QUIET: Duration = Duration::from_millis(200);

/// Shows events until something ends it; says the exit status.
pub(super) fn run(options: &TraceOptions, log: &Log) -> Result<u8> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot make a runtime")?;
    let socket = paths::socket(options.socket.as_deref());
    let attached = runtime.block_on(async {
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
    })?;
    let mut tally = attached.tally();
    let left = attached.output.finish().context("cannot write to standard output")?;
    tally.lose_delivered(LossStage::Output, LossReason::Closed, left);
    log.say_rest();
    report(&tally);
    Ok(exit::DONE)
}

/// A daemon's events on their way to the output.
struct Attached {
    output: Output,
    events: Events,
    shown: u64,
    /// Time of the latest of them.
    latest: Timestamp,
    /// Events that this program was too slow for.
    missed: u64,
    /// Lines that could not be understood.
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

    /// Takes what the daemon had for this program when it was asked to stop, and so learns how much it had no room for: that
    /// is told with the next events.
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
        // Later, what is left is neither shown nor counted.
        let _ = timeout(CATCH_UP, rest).await;
    }

    /// While the output is slow, nothing is read, and the daemon drops and counts what it has no room for.
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

/// Ready when it is time to end: after this time, by a signal, or because nobody reads any more.
fn stop(duration: Option<Duration>, is_pipe: bool) -> Result<impl Future<Output = ()>> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()
        .context("cannot take over signals")?;
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

/// Ready once whoever reads from standard output has gone away.
fn reader_gone() -> oneshot::Receiver<()> {
    let (tell, gone) = oneshot::channel();
    // On a thread of its own, that ends with the program: the runtime cannot wait for a descriptor that others share.
    thread::spawn(move || {
        let stdout = io::stdout();
        // Asked for nothing, the kernel still says when there is an error.
        let mut end = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        while poll(&mut end, PollTimeout::NONE).is_err() {}
        let _ = tell.send(());
    });
    gone
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
