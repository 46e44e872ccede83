//! The capture thread, which only drains the ring buffers.
//!
//! It starts capture itself, because only this thread keeps the privileges that capture needs while it runs.

use std::collections::VecDeque;
use std::io::{self, PipeReader};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use egret_capture::host::ContainerNames;
use egret_capture::{Capture, CaptureError, Enforcement, Options, Probe};
use egret_exporters::names;
use egret_model::snapshot::NamesState;
use egret_model::{Degradation, Event, Layer, work};
use egret_names::{RESOLVER_FILES, SavedName};
use tokio::sync::oneshot;
use tracing::{Span, field};

use super::heartbeat::Heartbeat;
use super::saved_names::NameSaver;
use super::tallies::{Sums, Tallies};
use crate::enforce::IdentityRequests;
use crate::losses::Losses;
use crate::privilege;

/// Capacity of the channel to the enriching thread. A batch is at most some thousand events of about 350 bytes: 6 MB in all.
/// While the channel is full this thread waits, and the ring buffers fill up; records that do not fit are counted as lost.
const BATCHES: usize = 4;

/// Further batches that may wait in this thread, so that it can answer requests of the slow path: at most 24 MB.
const MAX_WAITING: usize = 16;
/// Interval of retries to hand these batches on.
const RETRY: Duration = Duration::from_millis(5);

/// Descriptors that this thread waits for, as bits.
const STOP: u32 = 1 << 0;
const IDENTITY_REQUESTED: u32 = 1 << 1;

/// Interval of publishing tallies while there is traffic: reading the kernel's counters takes some 20 µs.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);

pub(super) struct Started {
    pub(super) layer: Layer,
    pub(super) degradations: Vec<Degradation>,
    /// Handles for the enforcer; `None` without enforcement.
    pub(super) handles: Option<Enforcement>,
    /// Captured events. Closed when capture has stopped and everything was handed on.
    pub(super) batches: Receiver<Vec<Event>>,
    /// Ready once the thread has ended.
    pub(super) ended: oneshot::Receiver<()>,
}

/// State shared with other threads.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) tallies: Arc<Tallies>,
    pub(super) identities: Arc<IdentityRequests>,
}

/// Names from before a restart.
pub(super) struct Names {
    pub(super) kept: Vec<SavedName>,
    /// Saves the names; `None` if names are not kept.
    pub(super) saver: Option<NameSaver>,
}

/// Starts the thread, and returns once its programs are attached. The thread stops when the writer of `stop` is closed.
pub(super) fn start(
    settings: &egret_config::Settings,
    names: Names,
    stop: PipeReader,
    shared: Shared,
) -> Result<Started> {
    let (batches, inbox) = sync_channel(BATCHES);
    let (report, reported) = sync_channel(1);
    let (end, ended) = oneshot::channel();
    let Names { kept, saver } = names;
    let options = options(settings, kept)?;
    let starting = tracing::info_span!(target: work::TARGET, work::START_CAPTURE, { names::CAPTURE } = field::Empty);
    let body = move || match begin(options, starting) {
        Ok(capture) => {
            let privileges = privilege::reduce(privilege::capture(capture.layer()));
            let handles = capture.enforcement().map_err(anyhow::Error::from);
            let state = (capture.layer(), capture.degradations().to_vec());
            let published = Instant::now();
            let (waiting, losses) = (VecDeque::new(), Losses::default());
            let mut reader = Reader { capture, batches, waiting, shared, published, is_dirty: true, losses, saver };
            // Before other threads can read the tallies.
            reader.publish();
            // The starting thread waits for this.
            let _ = report.send(privileges.and_then(|()| Ok((state, handles?))));
            reader.run(&stop);
            drop(end);
        }
        Err(error) => {
            let _ = report.send(Err(error.into()));
        }
    };
    thread::Builder::new().name("egret-capture".into()).spawn(body).context("cannot start a thread")?;
    let ((layer, degradations), handles) = reported.recv().map_err(|_| anyhow!("the capture thread panicked"))??;
    Ok(Started { layer, degradations, handles, batches: inbox, ended })
}

/// Starts capture within its span.
fn begin(options: Options, span: Span) -> Result<Capture, CaptureError> {
    let _starting = span.entered();
    let capture = Capture::start(&Probe::new(), options);
    match &capture {
        Ok(capture) => drop(Span::current().record(names::CAPTURE, capture.layer().as_str())),
        Err(error) => tracing::error!(target: work::TARGET, %error),
    }
    capture
}

fn options(settings: &egret_config::Settings, kept: Vec<SavedName>) -> Result<Options> {
    let capture = &settings.capture;
    let name_containers = |root: &PathBuf| ContainerNames::start(root, privilege::reduce_to_state);
    let containers = capture
        .container_names
        .then_some(&capture.host_root)
        .map(name_containers)
        .transpose()
        .context("cannot start a thread")?;
    Ok(Options {
        layer: capture.layer,
        ring_bytes: capture.ring_size,
        every_send: capture.every_send,
        preexisting: capture.standing,
        names: settings.names.as_ref().map(|settings| names(settings, kept)),
        totals: capture.totals_interval,
        // Only spans can join the trace of a program.
        trace_context: settings.otlp.is_some(),
        containers,
        enforce: settings.enforce.is_some(),
    })
}

fn names(names: &egret_config::Names, kept: Vec<SavedName>) -> egret_capture::NamesOptions {
    let settings = egret_names::Settings {
        addresses: names.addresses,
        floor: names.floor,
        hosts: names.hosts_file(),
        resolvers: names.resolvers.clone(),
        resolver_files: RESOLVER_FILES.map(PathBuf::from).to_vec(),
        ..egret_names::Settings::default()
    };
    egret_capture::NamesOptions { dns: names.dns, sni: names.sni, settings, kept }
}

struct Reader {
    capture: Capture,
    batches: SyncSender<Vec<Event>>,
    /// Batches that do not fit into the channel: this thread must not block while packets wait for its answers.
    waiting: VecDeque<Vec<Event>>,
    shared: Shared,
    published: Instant,
    /// Events were captured since the last publishing.
    is_dirty: bool,
    losses: Losses,
    saver: Option<NameSaver>,
}

impl Reader {
    fn run(mut self, stop: &PipeReader) {
        loop {
            self.drain();
            self.shared.heartbeat.beat();
            self.publish_if_due();
            let identities = Arc::clone(&self.shared.identities);
            let ready = self.capture.wait(&[stop.as_fd(), identities.wake()], self.limit());
            if ready & IDENTITY_REQUESTED != 0 {
                let mut batch = Vec::new();
                identities.answer(&mut self.capture, &mut batch);
                self.hand_on(batch);
            }
            if ready & STOP != 0 {
                break;
            }
        }
        let mut rest = Vec::new();
        self.capture.stop(&mut rest);
        self.hand_on(rest);
        self.hand_on_all();
        self.publish();
        if let Some(saver) = self.saver.take() {
            saver.finish(&self.capture);
        }
    }

    fn drain(&mut self) {
        loop {
            self.hand_on(Vec::new());
            if !self.waiting.is_empty() {
                // Records can wait in the ring buffers.
                return;
            }
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
            self.is_dirty = true;
            self.shared.tallies.handed_on(batch.len());
            self.waiting.push_back(batch);
        }
        while let Some(batch) = self.waiting.pop_front() {
            match self.batches.try_send(batch) {
                Err(TrySendError::Full(batch)) if self.waiting.len() < MAX_WAITING => {
                    self.waiting.push_front(batch);
                    return;
                }
                // At the limit this thread blocks, and packets are judged without its answers.
                Err(TrySendError::Full(batch)) => drop(self.batches.send(batch)),
                // Disconnected only when egret ends.
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            }
        }
    }

    fn hand_on_all(&mut self) {
        for batch in self.waiting.drain(..) {
            let _ = self.batches.send(batch);
        }
    }

    fn publish_if_due(&mut self) {
        if !self.is_dirty || self.published.elapsed() >= PUBLISH_INTERVAL {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let tally = self.capture.tally();
        self.losses.tick(&tally);
        if let Some(saver) = &mut self.saver {
            saver.tick(&self.capture);
        }
        let watched_since_ns = self.saver.as_ref().map(NameSaver::watched_ns);
        self.shared.tallies.set(Sums {
            tally,
            names: self.capture.names().map(|state| names_state(state, watched_since_ns)),
            open: self.capture.open(),
        });
        self.published = Instant::now();
        self.is_dirty = false;
    }

    /// The longest time to wait.
    fn limit(&self) -> Option<Duration> {
        let publish = self.is_dirty.then(|| PUBLISH_INTERVAL.saturating_sub(self.published.elapsed()));
        let beat = self.shared.heartbeat.interval();
        let again = (!self.waiting.is_empty()).then_some(RETRY);
        let keep = self.saver.as_ref().and_then(|saver| saver.due_in(&self.capture));
        publish.into_iter().chain(beat).chain(again).chain(keep).min()
    }
}

fn names_state(state: egret_names::State, watched_since_ns: Option<u64>) -> NamesState {
    NamesState {
        addresses: state.addresses,
        answers: state.answers,
        server_names: state.server_names,
        malformed: state.malformed,
        evicted: state.evicted,
        watched_since_ns,
    }
}

/// A pipe that stops the thread when its writer is dropped.
pub(super) fn stop() -> Result<(PipeReader, io::PipeWriter)> {
    io::pipe().context("cannot create a pipe")
}
