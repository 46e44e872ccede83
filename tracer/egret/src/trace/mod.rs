//! `egret trace`: connections live, until asked to stop.
//!
//! Two threads. This one drains the kernel's rings and never waits for anything else while there is something to
//! drain; the other (`output`) filters, hashes and writes, and may be as slow as a terminal. Between them is a bounded
//! channel: when it is full this thread waits, and the rings take what they can; what they cannot is counted there.

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
use egret_capture::host::ContainerNames;
use egret_capture::{Capture, NamesOptions, Options, Probe};
use egret_config::HOSTS;
use egret_model::{Event, EventName, LossReason, LossStage, Tally};
use egret_names::RESOLVER_FILES;

use crate::args::{self, TraceOptions};
use crate::exit;
use crate::log::Log;
use crate::losses::Losses;
use command::Command;
pub(crate) use command::NotRun;
use output::Output;
use signals::{Signals, Wish};

/// How long connections that a followed command left open may take to end after it, before they are left to themselves.
const LINGER: Duration = Duration::from_millis(500);

/// Addresses whose names are remembered; [`egret_names`] says what they take.
const NAMED_ADDRESSES: usize = 16_384;
/// How long they are at least: programs go on using an address whose TTL is over.
const NAME_FLOOR: Duration = Duration::from_secs(300);

/// Traces until something ends it; says the exit status.
///
/// # Errors
///
/// When capture cannot start, the command cannot be run, no daemon lets us watch, or output cannot be written.
pub fn run(options: &TraceOptions, log: &Log) -> Result<u8> {
    if options.attach {
        return attach::run(options, log);
    }
    // Before any thread, so that every thread leaves signals to this one.
    let signals = Signals::block().context("cannot take over signals")?;
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
        summed_up: started,
    };
    let status = session.follow(&mut capture);
    let tally = session.finish(&mut capture)?;
    log.say_rest();
    report(&tally);
    status
}

/// Starts capture and says what it cannot see.
fn start(options: &TraceOptions) -> Result<Capture> {
    let probe = Probe::new();
    let wanted = Options {
        layer: options.capture,
        ring_bytes: options.ring_bytes,
        every_send: options.every_send,
        preexisting: options.standing && options.command.is_empty(),
        names: options.names.then(names),
        // Files have the totals of what is open whether they are shown or not.
        totals: options.totals.or(options.parquet.as_ref().map(|_| args::TOTALS)),
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

/// Every name that can be had.
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

/// How often losses are looked for.
const SUM_UP: Duration = Duration::from_secs(1);

/// A trace under way.
struct Session<'a> {
    options: &'a TraceOptions,
    signals: Signals,
    output: Output,
    started: Instant,
    /// Connections of the followed command that have not ended.
    open: HashSet<u64>,
    losses: Losses,
    /// When the sum was last looked at.
    summed_up: Instant,
}

impl Session<'_> {
    /// Runs the command, if there is one, and shows events until the end; says the exit status.
    fn follow(&mut self, capture: &mut Capture) -> Result<u8> {
        let mut command = Command::start(&self.options.command, capture, &self.signals)?;
        let mut end: Option<Instant> = self.options.duration.map(|duration| self.started + duration);
        // It was started with signals released: one that told of its end already is lost.
        if command.check() {
            end = earliest(end, Instant::now() + LINGER);
        }
        loop {
            // Looked at each time: the signal of a command that ends at once may come before it is waited for. And before
            // draining, so that all it did is in the rings by then.
            if command.check() {
                end = earliest(end, Instant::now() + LINGER);
            }
            self.drain(capture);
            if self.summed_up.elapsed() >= SUM_UP {
                self.losses.look(&capture.tally());
                self.summed_up = Instant::now();
            }
            if self.output.is_closed() || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            if command.has_ended() && self.open.is_empty() {
                break;
            }
            if let Some(Wish::Stop(signal)) = self.wait(capture, end)
                && !command.forward(signal)
            {
                break;
            }
        }
        command.status()
    }

    fn wait(&self, capture: &mut Capture, end: Option<Instant>) -> Option<Wish> {
        let stdout = io::stdout();
        let mut others: Vec<BorrowedFd<'_>> = vec![self.signals.as_fd()];
        if self.output.is_pipe() {
            // Nothing is ever read from it: it becomes ready when its reader goes away.
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

    /// Takes the programs out of the kernel, shows what is left, and closes the output.
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

/// The sum, on standard error: what is missing first, the line that scripts read last.
fn report(tally: &Tally) {
    for loss in tally.lost.iter().chain(&tally.incomplete) {
        eprintln!("egret: lost at {}, {}: {}", loss.stage.as_str(), loss.reason.as_str(), loss.count);
    }
    eprintln!("captured={} delivered={} lost={}", tally.captured, tally.delivered, tally.lost_total());
}

/// Exit status of a trace that was not asked to run a command.
const WITHOUT_COMMAND: u8 = exit::DONE;
