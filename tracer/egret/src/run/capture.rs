//! The thread that drains the kernel's rings, and nothing else.
//!
//! It starts capture itself, because it alone keeps the privileges that capture needs while it runs.

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

use super::pulse::Pulse;
use super::recalled::Keeper;
use super::tallies::{Sums, Tallies};
use crate::enforce::IdentityRequests;
use crate::losses::Losses;
use crate::privilege;

/// Batches on their way to be enriched. A batch is at most some thousand events of about 350 bytes: 6 MB at the very
/// most. When it is full this thread waits, and the rings take what they can; what they cannot is counted there.
const BATCHES: usize = 4;

/// Batches that may wait besides, for as long as packets are judged: 24 MB at the very most.
const WAITING: usize = 16;
/// How soon it is tried again to hand them on.
const AGAIN: Duration = Duration::from_millis(5);

/// What this thread waits for, as bits.
const STOP: u32 = 1 << 0;
const ASKED: u32 = 1 << 1;

/// What was captured is summed up this often while there is traffic: reading the kernel's counters takes some 20 µs.
const SUM_UP: Duration = Duration::from_millis(250);

/// What is known once capture has started.
pub(super) struct Started {
    pub(super) layer: Layer,
    pub(super) degradations: Vec<Degradation>,
    /// What those that judge packets ask; `None` where nobody does.
    pub(super) handles: Option<Enforcement>,
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
    pub(super) identities: Arc<IdentityRequests>,
}

/// Names over a restart.
pub(super) struct Names {
    /// What was kept before.
    pub(super) kept: Vec<SavedName>,
    /// Who keeps what there is now.
    pub(super) keeper: Option<Keeper>,
}

/// Starts the thread; returns once its programs are attached. It stops when the other end of `stop` is closed.
pub(super) fn start(
    settings: &egret_config::Settings,
    names: Names,
    stop: PipeReader,
    shared: Shared,
) -> Result<Started> {
    let (batches, inbox) = sync_channel(BATCHES);
    let (tell, told) = sync_channel(1);
    let (end, ended) = oneshot::channel();
    let Names { kept, keeper } = names;
    let options = options(settings, kept)?;
    let starting = tracing::info_span!(target: work::TARGET, work::START_CAPTURE, { names::CAPTURE } = field::Empty);
    let body = move || match begin(options, starting) {
        Ok(capture) => {
            let privileges = privilege::reduce(privilege::capture(capture.layer()));
            let handles = capture.enforcement().map_err(anyhow::Error::from);
            let state = (capture.layer(), capture.degradations().to_vec());
            let summed_up = Instant::now();
            let (waiting, losses) = (VecDeque::new(), Losses::default());
            let mut reader = Reader { capture, batches, waiting, shared, summed_up, fresh: true, losses, keeper };
            // Before anybody can ask.
            reader.publish();
            // Who started this thread waits for it.
            let _ = tell.send(privileges.and_then(|()| Ok((state, handles?))));
            reader.run(&stop);
            drop(end);
        }
        Err(error) => {
            let _ = tell.send(Err(error.into()));
        }
    };
    thread::Builder::new().name("egret-capture".into()).spawn(body).context("cannot start a thread")?;
    let ((layer, degradations), handles) = told.recv().map_err(|_| anyhow!("the capture thread broke down"))??;
    Ok(Started { layer, degradations, handles, batches: inbox, ended })
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
        // Spans alone can be put into somebody's trace.
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
    /// Batches that found no room, because packets wait for answers of this thread and it may not wait itself.
    waiting: VecDeque<Vec<Event>>,
    shared: Shared,
    summed_up: Instant,
    /// Something was captured since.
    fresh: bool,
    losses: Losses,
    /// Keeps names over a restart; `None` where none are kept.
    keeper: Option<Keeper>,
}

impl Reader {
    fn run(mut self, stop: &PipeReader) {
        loop {
            self.drain();
            self.shared.pulse.beat();
            self.sum_up();
            let identities = Arc::clone(&self.shared.identities);
            let ready = self.capture.wait(&[stop.as_fd(), identities.wake()], self.limit());
            if ready & ASKED != 0 {
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
        if let Some(keeper) = self.keeper.take() {
            keeper.finish(&self.capture);
        }
    }

    fn drain(&mut self) {
        loop {
            self.hand_on(Vec::new());
            if !self.waiting.is_empty() {
                // What is in the rings can wait there.
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
            self.fresh = true;
            self.shared.tallies.handed_on(batch.len());
            self.waiting.push_back(batch);
        }
        while let Some(batch) = self.waiting.pop_front() {
            match self.batches.try_send(batch) {
                Err(TrySendError::Full(batch)) if self.waiting.len() < WAITING => {
                    self.waiting.push_front(batch);
                    return;
                }
                // As many wait as may: so does this thread, and packets are judged without it.
                Err(TrySendError::Full(batch)) => drop(self.batches.send(batch)),
                // The other end goes away only when egret ends.
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            }
        }
    }

    fn hand_on_all(&mut self) {
        for batch in self.waiting.drain(..) {
            let _ = self.batches.send(batch);
        }
    }

    fn sum_up(&mut self) {
        if !self.fresh || self.summed_up.elapsed() >= SUM_UP {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let tally = self.capture.tally();
        self.losses.look(&tally);
        if let Some(keeper) = &mut self.keeper {
            keeper.tick(&self.capture);
        }
        let watched_since_ns = self.keeper.as_ref().map(Keeper::watched_ns);
        self.shared.tallies.set(Sums {
            tally,
            names: self.capture.names().map(|state| names_state(state, watched_since_ns)),
            open: self.capture.open(),
        });
        self.summed_up = Instant::now();
        self.fresh = false;
    }

    /// How long to wait at most.
    fn limit(&self) -> Option<Duration> {
        let sum_up = self.fresh.then(|| SUM_UP.saturating_sub(self.summed_up.elapsed()));
        let beat = self.shared.pulse.interval();
        let again = (!self.waiting.is_empty()).then_some(AGAIN);
        let keep = self.keeper.as_ref().and_then(|keeper| keeper.due_in(&self.capture));
        sum_up.into_iter().chain(beat).chain(again).chain(keep).min()
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

/// The two ends of what stops the thread: dropping the second is what it waits for.
pub(super) fn stop() -> Result<(PipeReader, io::PipeWriter)> {
    io::pipe().context("cannot make a pipe")
}
