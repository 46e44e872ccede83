//! Capture by the programs of the kernel side.

mod listing;
mod tally;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Degradation, Event, Identity, Layer, OpenConnections, Owner};
use egret_wire::{FlowRecord, PeerKey, PeerTotals, TotalsSlot};

use super::Options;
use super::rings::{NameRing, RecordRing, shorter, wait_for};
use crate::host;
use crate::kernel::{LoadError, Probe, Programs, Rings, Setup, Shared, trim_memory};
use crate::owner::process_ref;
use crate::preexisting::Listing;
use crate::record::Record;
use crate::track::{PeerTable, TotalsTable, Tracker};

/// The reader reads the rings at least this often while there is traffic: the bound on an event's latency.
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// After this long without a record the reader sleeps until the next one wakes it.
const QUIET_AFTER: Duration = Duration::from_millis(500);
/// It wakes by itself after this long, for what is due at a time.
const QUIET_WAIT: Duration = Duration::from_secs(5);
/// Records that are read before events are passed on, so that a burst is seen while it lasts.
const BATCH: usize = 4096;
/// How long to wait for the record of an exec that has happened: another CPU may still be writing the record
/// before it.
const EXEC_PATIENCE: Duration = Duration::from_millis(2);

/// The interval at which open packet sockets are checked, which delays the report of their end.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A check takes at most this part of the time.
const CHECK_SHARE: u32 = 100;
/// And an update of all totals this part: a twentieth of a CPU.
const UPDATE_SHARE: u32 = 20;

/// The `sockets` or the `syscalls` layer.
pub(super) struct KernelCapture {
    programs: Programs,
    flows: RecordRing,
    execs: RecordRing,
    names: NameRing,
    tracker: Tracker,
    /// Events of preexisting sockets that are not passed on yet.
    preexisting: Vec<Event>,
    /// Records that were written while those were listed.
    held: Vec<Record>,
    /// The interval of updates, and when the next is due.
    updates: Option<(Duration, Instant)>,
    /// The open connections at the last update.
    open: Option<Arc<OpenConnections>>,
    /// As many batches as the ring of flows has room for.
    batches: usize,
    last_record: Instant,
    /// When packet sockets are checked next.
    next_check: Instant,
}

impl KernelCapture {
    /// Loads and attaches a layer.
    pub(super) fn start(probe: &Probe, layer: Layer, options: &Options) -> Result<Self, LoadError> {
        let mut tracker = Tracker::new(layer, options);
        let setup = setup(layer, options);
        let mut capture = if layer == Layer::Syscalls {
            // Listed before the hooks are attached: calls do not announce sockets by cookie, so that one could be
            // reported twice.
            let listing = options.preexisting.then(Listing::of_preexisting);
            let events = listing.map(|listing| tracker.list_preexisting(listing, &HashSet::new(), true));
            let (programs, rings) = Programs::syscalls(probe, setup)?;
            Self { preexisting: events.unwrap_or_default(), ..Self::new(tracker, programs, rings) }
        } else {
            let (programs, rings) = Programs::sockets(probe, setup)?;
            let mut capture = Self::new(tracker, programs, rings);
            capture.list_preexisting(options.preexisting)?;
            capture
        };
        let ring_bytes = usize::try_from(options.ring_bytes).unwrap_or(usize::MAX);
        capture.updates =
            options.totals.filter(|_| capture.programs.reads_totals()).map(|every| (every, Instant::now()));
        capture.batches = ring_bytes / size_of::<FlowRecord>() / BATCH + 1;
        trim_memory();
        Ok(capture)
    }

    fn new(mut tracker: Tracker, mut programs: Programs, rings: Rings) -> Self {
        if !programs.counts_lengths() && !programs.counts_packets() {
            tracker.without_counts();
        }
        // Twice: a child that was forked by a process before its entry was made is found by the second pass.
        for _ in 0..2 {
            for (pid, key) in tracker.processes.enter_running() {
                programs.enter_process(pid, key);
            }
        }
        tracker.processes.end_reader();
        Self {
            programs,
            flows: RecordRing::new(rings.flows, "flows"),
            execs: RecordRing::new(rings.execs, "execs"),
            names: NameRing::new(rings.names),
            tracker,
            preexisting: Vec::new(),
            held: Vec::new(),
            updates: None,
            open: None,
            batches: 1,
            last_record: Instant::now(),
            next_check: Instant::now(),
        }
    }

    pub(super) const fn layer(&self) -> Layer {
        self.tracker.layer()
    }

    pub(super) fn degradations(&self) -> &[Degradation] {
        self.programs.degradations()
    }

    pub(super) const fn shared(&self) -> &Shared {
        self.programs.shared()
    }

    /// The open connections at the last update.
    pub(super) fn open(&self) -> Option<Arc<OpenConnections>> {
        self.open.clone()
    }

    pub(super) fn names(&self) -> Option<egret_names::State> {
        self.tracker.names()
    }

    pub(super) fn keep_names(&self) -> Option<Vec<egret_names::SavedName>> {
        self.tracker.keep_names()
    }

    pub(super) fn follow(&mut self, pid: u32, followed: bool) -> Result<(), LoadError> {
        self.programs.follow(pid, followed)
    }

    pub(super) fn wait(&mut self, others: &[BorrowedFd<'_>], limit: Option<Duration>) -> u32 {
        let quiet = self.last_record.elapsed() >= QUIET_AFTER;
        self.programs.set_asleep(quiet);
        let mut longest = if quiet { QUIET_WAIT } else { BUSY_WAIT };
        let check = self.tracker.has_packet_sockets().then_some(self.next_check);
        for due in self.updates.map(|(_, due)| due).into_iter().chain(check) {
            longest = longest.min(due.saturating_duration_since(Instant::now()));
        }
        let rings = [self.flows.as_fd(), self.execs.as_fd(), self.names.ring.as_fd()];
        // A record that was written just before the kernel side saw that the reader sleeps makes the ring
        // readable, and ends the wait at once.
        wait_for(others, &rings, shorter(limit, longest))
    }

    pub(super) fn stop(&mut self, out: &mut Vec<Event>) {
        // While the hooks are attached.
        self.catch_up(out);
        self.check_packet_sockets(out);
        self.programs.detach();
        while self.drain(out) {}
        self.tracker.flush(None, out);
        // Totals do not grow any more.
        self.update(out);
        if self.tracker.layer() == Layer::Sockets {
            out.append(&mut self.tracker.list_unanswered());
        }
    }
}

/// Reading the rings.
impl KernelCapture {
    /// Reads the rings, up to a batch, and appends the events to `out`. Returns whether there may be more.
    pub(super) fn drain(&mut self, out: &mut Vec<Event>) -> bool {
        self.tracker.refresh_clock();
        out.append(&mut self.preexisting);
        let before = self.taken();
        self.drain_execs();
        for record in std::mem::take(&mut self.held) {
            self.flows.taken.delivered += 1;
            self.flow(record, out);
        }
        let more = self.drain_flows(out);
        if !more {
            // Without flows too, or the ring would fill up.
            self.drain_names(u64::MAX);
            if Instant::now() >= self.next_check {
                self.check_packet_sockets(out);
            }
        }
        self.tracker.flush(Some(host::boot_now()), out);
        if !more && self.updates.is_some_and(|(_, due)| Instant::now() >= due) {
            self.update(out);
        }
        if self.taken() != before {
            self.last_record = Instant::now();
        }
        more
    }

    /// Records of flows and processes, which must be read in time.
    const fn taken(&self) -> u64 {
        self.flows.taken.delivered + self.execs.taken.delivered
    }

    fn drain_execs(&mut self) {
        while let Some(record) = self.execs.take() {
            self.tracker.process_record(record);
        }
    }

    fn drain_flows(&mut self, out: &mut Vec<Event>) -> bool {
        for _ in 0..BATCH {
            let Some(record) = self.flows.take() else { return false };
            self.flow(record, out);
        }
        true
    }

    /// Takes the packets that were seen up to a time. The answer that explains a flow was written before it, to
    /// the other ring.
    fn drain_names(&mut self, until_ns: u64) {
        while let Some((kind, packet)) = self.names.next(until_ns) {
            self.tracker.name_packet(kind, &packet);
        }
    }

    fn flow(&mut self, record: Record, out: &mut Vec<Event>) {
        let (process, header) = match &record {
            Record::Flow(_, flow) => (flow.process, flow.header),
            Record::Call(call) => (call.process, call.header),
            // The kernel side does not write those to that ring.
            Record::Exec(_) | Record::Cgroup { .. } | Record::Name(..) => return,
        };
        self.drain_names(header.time_ns);
        // The exec that explains this record was written before it, to the other ring.
        if !self.tracker.processes.knows(&process) {
            self.drain_execs();
        }
        match record {
            Record::Flow(kind, flow) => self.tracker.flow(kind, flow, &mut self.programs, out),
            Record::Call(call) => self.tracker.call(&call, out),
            Record::Exec(_) | Record::Cgroup { .. } | Record::Name(..) => {}
        }
    }

    /// Reads all records that are in the rings now. A burst that goes on does not keep it from returning.
    fn catch_up(&mut self, out: &mut Vec<Event>) {
        for _ in 0..self.batches {
            if !self.drain(out) {
                return;
            }
        }
        self.drain_names(host::boot_now());
    }
}

/// What is due at a time, and what enforcement asks for.
impl KernelCapture {
    /// Reports the totals of open connections, once the rings are empty: a connection is known by then.
    fn update(&mut self, out: &mut Vec<Event>) {
        let Some((every, _)) = self.updates else { return };
        let begun = Instant::now();
        self.open = self.tracker.update(&self.programs, out).map(Arc::new);
        self.updates = Some((every, Instant::now() + every.max(begun.elapsed() * UPDATE_SHARE)));
    }

    /// Reports the end of packet sockets, which no hook sees.
    fn check_packet_sockets(&mut self, out: &mut Vec<Event>) {
        if !self.tracker.has_packet_sockets() {
            return;
        }
        let begun = Instant::now();
        let mut sockets = self.programs.packet_sockets();
        sockets.retain(|(cookie, opened_ns)| self.tracker.has_begun(*cookie, *opened_ns));
        for (cookie, _) in sockets {
            if let Some(totals) = self.programs.take_closed(cookie) {
                self.tracker.close_packet_socket(cookie, totals, &mut self.programs, out);
            }
        }
        self.next_check = begun + CHECK_INTERVAL.max(begun.elapsed() * CHECK_SHARE);
    }

    pub(super) fn identify(&mut self, owner: &Owner, peer: IpAddr, out: &mut Vec<Event>) -> Identity {
        self.catch_up(out);
        let process = process_ref(&owner.process);
        let begun = Instant::now();
        while !self.tracker.processes.knows(&process) && begun.elapsed() < EXEC_PATIENCE {
            std::thread::yield_now();
            self.drain_execs();
        }
        let programs = &self.programs;
        self.tracker.identify(owner, peer, &|pid| programs.process(pid))
    }

    pub(super) fn spoke_first(&mut self, owner: &Owner, peer: SocketAddr) -> bool {
        self.tracker.spoke_first(owner, peer)
    }
}

/// The setup of a layer. The `syscalls` layer reports a connection once, before its first bytes.
fn setup(layer: Layer, options: &Options) -> Setup {
    let names = options.names.as_ref();
    Setup {
        ring_bytes: options.ring_bytes,
        every_send: options.every_send,
        totals: layer == Layer::Sockets && options.totals.is_some(),
        dns: names.is_some_and(|names| names.dns),
        sni: layer == Layer::Sockets && names.is_some_and(|names| names.sni),
        trace_context: options.trace_context,
        enforce: options.enforce,
        packets: layer == Layer::Sockets,
    }
}

impl PeerTable for Programs {
    fn take(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals> {
        self.take_peer(key, opened_ns)
    }
}

impl TotalsTable for Programs {
    fn find(&self, cookie: u64) -> Option<TotalsSlot> {
        self.totals(cookie)
    }

    fn peer(&self, key: &PeerKey) -> Option<PeerTotals> {
        Self::peer(self, key)
    }
}
