//! `egret trace`: shows connections live.
//!
//! The main thread only drains the ring buffers. Another thread (`output`) filters and writes, and may be as slow as a
//! terminal. Between them is a bounded channel: while it is full the main thread waits, the ring buffers fill up, and records
//! that do not fit are counted as lost.

mod attach;
mod command;
mod output;
mod recorder;
mod signals;

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use command::Command;
pub(crate) use command::NotRun;
use egret_args::TraceOptions;
use egret_capture::host::ContainerNames;
use egret_capture::{Capture, NamesOptions, Options, Probe};
use egret_config::HOSTS;
use egret_model::{Event, EventName, LossReason, LossStage, Tally};
use egret_names::RESOLVER_FILES;
use egret_view::exit;
use output::Output;
use signals::{Request, Signals};

use crate::log::Log;
use crate::losses::Losses;

/// How long to wait for open connections of a followed command after it has ended.
const LINGER: Duration = Duration::from_millis(500);

/// Addresses whose names are kept; [`egret_names`] has the memory that they take.
const NAMED_ADDRESSES: usize = 16_384;
/// Least time that a name is kept: programs use addresses after their TTL.
const NAME_FLOOR: Duration = Duration::from_secs(300);

/// Traces until the end, and returns the exit status.
///
/// # Errors
///
/// Capture cannot start, the command cannot run, no daemon answers, or output cannot be written.
pub fn run(options: &TraceOptions, log: &Log) -> Result<u8> {
    if options.attach {
        return attach::run(options, log);
    }
    // Before any thread is started, so that all threads block these signals.
    let signals = Signals::block().context("cannot handle signals")?;
    let mut capture = start(options)?;
    let output = Output::start(options)?;
    let started = Instant::now();
    let mut session = Session {
        options,
        signals,
        output,
        started,
        open: HashSet::new(),
        losses: Losses::default(),
        losses_checked: started,
    };
    let status = session.follow(&mut capture);
    let tally = session.finish(&mut capture)?;
    log.flush_repeats();
    report(&tally);
    status
}

/// Starts capture and reports degradations.
fn start(options: &TraceOptions) -> Result<Capture> {
    let probe = Probe::new();
    let wanted = Options {
        layer: options.capture,
        ring_bytes: options.ring_bytes,
        every_send: options.every_send,
        preexisting: options.preexisting && options.command.is_empty(),
        names: options.names.then(names),
        // Files always have the totals of open connections.
        totals: options.totals.or(options.parquet.as_ref().map(|_| egret_args::TOTALS)),
        trace_context: false,
        containers: Some(ContainerNames::start(Path::new("/"), || {}).context("cannot start a thread")?),
        enforce: false,
    };
    let capture = Capture::start(&probe, wanted)?;
    for degradation in capture.degradations() {
        eprintln!("egret: {}: {}; {}", degradation.as_str(), degradation.consequence(), degradation.remedy());
    }
    tracing::info!(layer = capture.layer().as_str(), kernel = probe.release, "capture started");
    Ok(capture)
}

/// All sources of names.
fn names() -> NamesOptions {
    let settings = egret_names::Settings {
        addresses: NAMED_ADDRESSES,
        floor: NAME_FLOOR,
        hosts: Some(HOSTS.into()),
        resolver_files: RESOLVER_FILES.map(PathBuf::from).to_vec(),
        ..egret_names::Settings::default()
    };
    NamesOptions { dns: true, sni: true, settings, kept: Vec::new() }
}

/// Interval of loss checks.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);

struct Session<'a> {
    options: &'a TraceOptions,
    signals: Signals,
    output: Output,
    started: Instant,
    /// Open connections of the followed command.
    open: HashSet<u64>,
    losses: Losses,
    losses_checked: Instant,
}

impl Session<'_> {
    /// Runs the command, if there is one, and shows events until the end. Returns the exit status.
    fn follow(&mut self, capture: &mut Capture) -> Result<u8> {
        let mut command = Command::start(&self.options.command, capture, &self.signals)?;
        let mut end: Option<Instant> = self.options.duration.map(|duration| self.started + duration);
        // The command was started with signals unblocked, so its SIGCHLD may be lost.
        if command.check() {
            end = earliest(end, Instant::now() + LINGER);
        }
        loop {
            // Checked in each round, because SIGCHLD may come before the wait, and before draining, so that all records of
            // the command are in the ring buffers.
            if command.check() {
                end = earliest(end, Instant::now() + LINGER);
            }
            self.drain(capture);
            if self.losses_checked.elapsed() >= LOSS_INTERVAL {
                self.losses.tick(&capture.tally());
                self.losses_checked = Instant::now();
            }
            if self.output.is_closed() || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            if command.has_ended() && self.open.is_empty() {
                break;
            }
            if let Some(Request::Stop(signal)) = self.wait(capture, end)
                && !command.forward(signal)
            {
                break;
            }
        }
        command.status()
    }

    fn wait(&self, capture: &mut Capture, end: Option<Instant>) -> Option<Request> {
        let stdout = io::stdout();
        let mut others: Vec<BorrowedFd<'_>> = vec![self.signals.as_fd()];
        if self.output.is_pipe() {
            // Becomes ready only when its reader closes it.
            others.push(stdout.as_fd());
        }
        let limit = end.map(|end| end.saturating_duration_since(Instant::now()));
        let ready = capture.wait(&others, limit);
        if ready & 0b10 != 0 {
            self.output.close();
        }
        if ready & 0b01 != 0 { self.signals.next() } else { None }
    }

    fn drain(&mut self, capture: &mut Capture) {
        loop {
            let mut batch = Vec::new();
            let more = capture.drain(&mut batch);
            self.note_open(&batch);
            self.output.send(batch);
            if !more {
                return;
            }
        }
    }

    fn note_open(&mut self, batch: &[Event]) {
        for event in batch.iter().filter(|event| event.followed) {
            match event.name {
                EventName::ConnectionOpen | EventName::Accept | EventName::DatagramSend => {
                    self.open.insert(event.id.socket);
                }
                EventName::ConnectionClose | EventName::ConnectionFailed => {
                    self.open.remove(&event.id.socket);
                }
                EventName::Listen | EventName::ConnectionUpdate => {}
            }
        }
    }

    /// Stops capture, shows the remaining events, and closes the output.
    fn finish(self, capture: &mut Capture) -> Result<Tally> {
        let mut rest = Vec::new();
        capture.stop(&mut rest);
        self.output.send(rest);
        let left = self.output.finish().context("cannot write to standard output")?;
        let mut tally = capture.tally();
        tally.settle();
        tally.lose_delivered(LossStage::Output, LossReason::Closed, left);
        Ok(tally)
    }
}

fn earliest(end: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(end.map_or(other, |end| end.min(other)))
}

/// Writes losses, and last the line for scripts, to standard error.
fn report(tally: &Tally) {
    for loss in tally.lost.iter().chain(&tally.incomplete) {
        eprintln!("egret: lost at {}, {}: {}", loss.stage.as_str(), loss.reason.as_str(), loss.count);
    }
    eprintln!("captured={} delivered={} lost={}", tally.captured, tally.delivered, tally.lost_total());
}

/// Exit status of a trace without a command.
const WITHOUT_COMMAND: u8 = exit::DONE;
