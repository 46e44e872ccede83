//! Capture by the kernel side's programs.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use egret_model::{Degradation, Event, Identity, Layer, Loss, LossReason, LossStage, Owner, Tally};
use egret_wire::{FlowRecord, PeerKey, PeerTotals};

use super::names::NameRing;
use super::{Options, shorter, wait_for};
use crate::host;
use crate::kernel::{LoadError, Probe, Programs, Rings, Setup, Shared, trim_memory};
use crate::owner::process_ref;
use crate::record::{Record, decode};
use crate::track::{PeerTable, Tracker};

/// The reader looks at the rings at least this often while there is traffic: the bound on an event's latency.
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// After this long without a record the reader sleeps until it is woken by the next.
const QUIET_AFTER: Duration = Duration::from_millis(500);
/// And comes back by itself after this long, to look after what waits for time to pass.
const QUIET_WAIT: Duration = Duration::from_secs(5);
/// Records read before events are handed on, so that a storm is seen while it lasts.
const BATCH: usize = 4096;
/// How long an exec is waited for whose record must be there: it may stand behind one that another CPU is still writing.
const EXEC_PATIENCE: Duration = Duration::from_millis(2);

/// Packet sockets are looked for this often, while there are any: how late their ends are reported.
const LOOK: Duration = Duration::from_secs(1);
/// A look takes at most this part of the time.
const LOOK_SHARE: u32 = 100;

/// The kernel layers at work.
pub(super) struct KernelCapture {
    programs: Programs,
    flows: RingBuf<MapData>,
    execs: RingBuf<MapData>,
    names: NameRing,
    tracker: Tracker,
    /// What stood at the start and was not handed on yet.
    standing: Vec<Event>,
    /// As many batches as the ring of flows holds at once.
    batches: usize,
    taken_flows: Taken,
    taken_execs: Taken,
    last_record: Instant,
    next_look: Instant,
}

/// Records taken out of a ring.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) delivered: u64,
    pub(super) malformed: u64,
}

impl Taken {
    const fn total(self) -> u64 {
        self.delivered + self.malformed
    }
}

impl KernelCapture {
    /// Loads and attaches a layer.
    pub(super) fn start(probe: &Probe, layer: Layer, options: &Options) -> Result<Self, LoadError> {
        let mut tracker = Tracker::new(layer, options);
        // Listed before the programs are attached: a socket that is made in between is announced by its first use, and
        // none is told twice.
        let standing = if options.standing { tracker.list_standing() } else { Vec::new() };
        let setup = setup(layer, options);
        let (programs, rings) = match layer {
            Layer::Syscalls => Programs::syscalls(probe, setup)?,
            Layer::Sockets | Layer::Procfs => Programs::sockets(probe, setup)?,
        };
        if !programs.counts_lengths() {
            tracker.without_counts();
        }
        let mut capture = Self::with(tracker, programs, rings, standing);
        let ring_bytes = usize::try_from(options.ring_bytes).unwrap_or(usize::MAX);
        capture.batches = ring_bytes / size_of::<FlowRecord>() / BATCH + 1;
        trim_memory();
        Ok(capture)
    }

    fn with(mut tracker: Tracker, mut programs: Programs, rings: Rings, standing: Vec<Event>) -> Self {
        // Twice: what was forked by a process that had not been entered yet is found by the second look.
        for _ in 0..2 {
            for (pid, key) in tracker.processes.enter_standing() {
                programs.enter_process(pid, key);
            }
        }
        Self {
            programs,
            flows: rings.flows,
            execs: rings.execs,
            names: NameRing::new(rings.names),
            tracker,
            standing,
            batches: 1,
            taken_flows: Taken::default(),
            taken_execs: Taken::default(),
            last_record: Instant::now(),
            next_look: Instant::now(),
        }
    }

    pub(super) const fn layer(&self) -> Layer {
        self.tracker.layer()
    }

    pub(super) fn degradations(&self) -> &[Degradation] {
        self.programs.degradations()
    }

    pub(super) fn follow(&mut self, pid: u32, followed: bool) -> Result<(), LoadError> {
        self.programs.follow(pid, followed)
    }

    pub(super) fn wait(&mut self, others: &[BorrowedFd<'_>], limit: Option<Duration>) -> u32 {
        let quiet = self.last_record.elapsed() >= QUIET_AFTER;
        self.programs.set_asleep(quiet);
        let mut longest = if quiet { QUIET_WAIT } else { BUSY_WAIT };
        if self.tracker.has_packet_sockets() {
            longest = longest.min(self.next_look.saturating_duration_since(Instant::now()));
        }
        let rings = [self.flows.as_fd(), self.execs.as_fd(), self.names.as_fd()];
        // A record that was written just before the kernel side learned that the reader sleeps is in the ring: the ring
        // is readable then, and the wait ends at once.
        wait_for(others, &rings, shorter(limit, longest))
    }

    /// Reads what is in the rings, up to a batch, and appends what it means to `out`. Says whether there may be more.
    pub(super) fn drain(&mut self, out: &mut Vec<Event>) -> bool {
        self.tracker.processes.refresh_clock();
        out.append(&mut self.standing);
        let before = self.taken_total();
        self.drain_execs();
        let more = self.drain_flows(out);
        if !more {
            // Not only what flows asked for, or the ring would fill up while there are none.
            self.drain_names(u64::MAX);
            if Instant::now() >= self.next_look {
                self.look_at_packet_sockets(out);
            }
        }
        self.tracker.flush(Some(host::boot_now()), out);
        if self.taken_total() != before {
            self.last_record = Instant::now();
        }
        more
    }

    /// Reports the ends of packet sockets, which no hook sees.
    fn look_at_packet_sockets(&mut self, out: &mut Vec<Event>) {
        if !self.tracker.has_packet_sockets() {
            return;
        }
        let begun = Instant::now();
        if let Some(open) = self.programs.open_packet_sockets() {
            self.tracker.end_packet_sockets(&open, &mut self.programs, out);
        }
        self.next_look = begun + LOOK.max(begun.elapsed() * LOOK_SHARE);
    }

    /// Records of flows and processes, whose readers must not be late.
    const fn taken_total(&self) -> u64 {
        self.taken_flows.delivered + self.taken_execs.delivered
    }

    fn drain_execs(&mut self) {
        while let Some(item) = self.execs.next() {
            match decode(&item) {
                Ok(record) => {
                    self.taken_execs.delivered += 1;
                    self.tracker.process_record(record);
                }
                Err(error) => {
                    self.taken_execs.malformed += 1;
                    tracing::warn!(%error, ring = "execs", "record cannot be read");
                }
            }
        }
    }

    fn drain_flows(&mut self, out: &mut Vec<Event>) -> bool {
        for _ in 0..BATCH {
            let Some(item) = self.flows.next() else { return false };
            let record = decode(&item);
            drop(item);
            match record {
                Ok(record) => {
                    self.taken_flows.delivered += 1;
                    self.flow(record, out);
                }
                Err(error) => {
                    self.taken_flows.malformed += 1;
                    tracing::warn!(%error, ring = "flows", "record cannot be read");
                }
            }
        }
        true
    }

    /// Takes the packets that were seen before a moment. The answer that explains a flow was written before it, to the
    /// other ring.
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

    pub(super) const fn shared(&self) -> &Shared {
        self.programs.shared()
    }

    pub(super) fn identify(&mut self, owner: &Owner, peer: IpAddr, out: &mut Vec<Event>) -> Identity {
        self.catch_up(out);
        let process = process_ref(&owner.process);
        let asked = Instant::now();
        while !self.tracker.processes.knows(&process) && asked.elapsed() < EXEC_PATIENCE {
            std::thread::yield_now();
            self.drain_execs();
        }
        let programs = &self.programs;
        self.tracker.identify(owner, peer, &|pid| programs.process(pid))
    }

    /// Reads everything that is in the rings now. Not for as long as there is more, which in a storm would be for ever.
    fn catch_up(&mut self, out: &mut Vec<Event>) {
        for _ in 0..self.batches {
            if !self.drain(out) {
                return;
            }
        }
        self.drain_names(host::boot_now());
    }

    pub(super) fn names(&self) -> Option<egret_names::State> {
        self.tracker.names()
    }

    pub(super) fn stop(&mut self, out: &mut Vec<Event>) {
        // Totals of datagram sockets that are still open are not asked for: their records say what was seen.
        self.programs.detach();
        while self.drain(out) {}
        self.look_at_packet_sockets(out);
        self.tracker.flush(None, out);
        if self.tracker.layer() == Layer::Sockets {
            out.append(&mut self.tracker.list_unanswered());
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let skipped = self.programs.skipped_runs();
        let taken = [self.taken_flows, self.taken_execs, self.names.taken];
        // After what was taken, so that what waits is never negative.
        let counters = self.programs.counters();
        let mut lost = counters.lost();
        let malformed = taken.iter().map(|taken| taken.malformed).sum();
        push(&mut lost, LossStage::Decode, LossReason::Malformed, malformed);
        push(&mut lost, LossStage::Hook, LossReason::HookSkipped, skipped);
        let mut incomplete = counters.incomplete();
        incomplete.extend(self.tracker.incomplete());
        Tally {
            captured: counters.produced() + skipped,
            delivered: taken.iter().map(|taken| taken.delivered).sum(),
            lost,
            waiting: counters.waiting(taken.map(Taken::total)),
            incomplete,
        }
    }
}

fn push(losses: &mut Vec<Loss>, stage: LossStage, reason: LossReason, count: u64) {
    if count != 0 {
        losses.push(Loss { stage, reason, count });
    }
}

/// What is asked of the kernel side. The `syscalls` layer tells of a connection once, before its first bytes.
fn setup(layer: Layer, options: &Options) -> Setup {
    let names = options.names.as_ref();
    Setup {
        ring_bytes: options.ring_bytes,
        every_send: options.every_send,
        dns: names.is_some_and(|names| names.dns),
        sni: layer == Layer::Sockets && names.is_some_and(|names| names.sni),
        trace_context: options.trace_context,
        enforce: options.enforce,
    }
}

impl PeerTable for Programs {
    fn take(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals> {
        self.take_peer(key, opened_ns)
    }

    fn take_socket(&mut self, cookie: u64) -> Option<PeerTotals> {
        self.take_packet_socket(cookie)
    }
}
