//! The thread that drains the kernel's rings, and nothing else.
//!
//! It starts capture itself, because it alone keeps the privileges that capture needs while it runs.

use std::io::{self, PipeReader};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use egret_capture::{Capture, CaptureError, Options, Probe};
use egret_exporters::names;
use egret_exporters::snapshot::NamesState;
use egret_model::{Degradation, Event, Layer, work};
use tokio::sync::oneshot;
use tracing::{Span, field};

use super::privilege;
use super::pulse::Pulse;
use super::tallies::Tallies;
use crate::config;

/// Batches on their way to be enriched. A batch is at most some thousand events of about 350 bytes: 6 MB at the very
/// most. When it is full this thread waits, and the rings take what they can; what they cannot is counted there.
const BATCHES: usize = 4;

/// What was captured is summed up this often while there is traffic: reading the kernel's counters takes some 20 µs.
const SUM_UP: Duration = Duration::from_millis(250);

/// What is known once capture has started.
pub(super) struct Started {
    pub(super) layer: Layer,
    pub(super) degradations: Vec<Degradation>,
    /// What it captures. Closed when capture has stopped, and everything was handed on.
    pub(super) batches: Receiver<Vec<Event>>,
    /// Ready once the thread has ended.
    pub(super) ended: oneshot::Receiver<()>,
}

/// What the thread and the others share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) pulse: Arc<Pulse>,
    pub(super) tallies: Arc<Tallies>,
}

/// Starts the thread; returns once its programs are attached. It stops when the other end of `stop` is closed.
pub(super) fn start(settings: &config::Settings, stop: PipeReader, shared: Shared) -> Result<Started> {
    let (batches, inbox) = sync_channel(BATCHES);
    let (tell, told) = sync_channel(1);
    let (end, ended) = oneshot::channel();
    let options = options(settings);
    let starting = tracing::info_span!(target: work::TARGET, work::START_CAPTURE, { names::CAPTURE } = field::Empty);
    let body = move || match begin(options, starting) {
        Ok(capture) => {
            let privileges = privilege::reduce(privilege::capture(capture.layer()));
            let state = (capture.layer(), capture.degradations().to_vec());
            // Who started this thread waits for it.
            let _ = tell.send(privileges.map(|()| state));
            Reader { capture, batches, shared, summed_up: Instant::now(), fresh: true }.run(&stop);
            drop(end);
        }
        Err(error) => {
            let _ = tell.send(Err(error.into()));
        }
    };
    thread::Builder::new().name("egret-capture".into()).spawn(body).context("cannot start a thread")?;
    let (layer, degradations) = told.recv().map_err(|_| anyhow!("the capture thread broke down"))??;
    Ok(Started { layer, degradations, batches: inbox, ended })
}

/// Starts capture, which is what the span is about.
fn begin(options: Options, span: Span) -> Result<Capture, CaptureError> {
    let _starting = span.entered();
    let capture = Capture::start(&Probe::new(), options);
    match &capture {
        Ok(capture) => drop(Span::current().record(names::CAPTURE, capture.layer().as_str())),
        Err(error) => tracing::error!(target: work::TARGET, %error),
    }
    capture
}

fn options(settings: &config::Settings) -> Options {
    let capture = &settings.capture;
    Options {
        layer: capture.layer,
        ring_bytes: capture.ring_bytes,
        every_send: capture.every_send,
        standing: capture.standing,
        names: settings.names.as_ref().map(names),
        // Spans alone can be put into somebody's trace.
        trace_context: settings.otlp.is_some(),
        enforce: false,
    }
}

fn names(names: &config::Names) -> egret_capture::NamesOptions {
    let hosts = names.hosts.then(|| "/etc/hosts".into());
    let settings = egret_names::Settings { addresses: names.addresses, floor: names.floor, hosts };
    egret_capture::NamesOptions { dns: names.dns, sni: names.sni, settings }
}

struct Reader {
    capture: Capture,
    batches: SyncSender<Vec<Event>>,
    shared: Shared,
    summed_up: Instant,
    /// Something was captured since.
    fresh: bool,
}

impl Reader {
    fn run(mut self, stop: &PipeReader) {
        loop {
            self.drain();
            self.shared.pulse.beat();
            self.sum_up();
            if self.capture.wait(&[stop.as_fd()], self.limit()) != 0 {
                break;
            }
        }
        let mut rest = Vec::new();
        self.capture.stop(&mut rest);
        self.hand_on(rest);
        self.publish();
    }

    fn drain(&mut self) {
        loop {
            let mut batch = Vec::new();
            let more = self.capture.drain(&mut batch);
            self.hand_on(batch);
            if !more {
                return;
            }
        }
    }

    fn hand_on(&mut self, batch: Vec<Event>) {
        if !batch.is_empty() {
            self.fresh = true;
            // The other end goes away only when egret ends.
            let _ = self.batches.send(batch);
        }
    }

    fn sum_up(&mut self) {
        if !self.fresh || self.summed_up.elapsed() >= SUM_UP {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.shared.tallies.set(self.capture.tally(), self.capture.names().map(names_state));
        self.summed_up = Instant::now();
        self.fresh = false;
    }

    /// How long to wait at most.
    fn limit(&self) -> Option<Duration> {
        let sum_up = self.fresh.then(|| SUM_UP.saturating_sub(self.summed_up.elapsed()));
        let beat = self.shared.pulse.interval();
        sum_up.into_iter().chain(beat).min()
    }
}

fn names_state(state: egret_names::State) -> NamesState {
    NamesState {
        addresses: state.addresses,
        answers: state.answers,
        server_names: state.server_names,
        malformed: state.malformed,
        evicted: state.evicted,
    }
}

/// The two ends of what stops the thread: dropping the second is what it waits for.
pub(super) fn stop() -> Result<(PipeReader, io::PipeWriter)> {
    io::pipe().context("cannot make a pipe")
}
