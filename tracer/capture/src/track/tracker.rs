//! The state behind events, as far as one record is not enough for them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{Attribution, Evaluation, Event, Layer, Loss, LossReason, LossStage, Reason};
use egret_wire::{CallRecord, FlowRecord, Kind};
use lru::LruCache;

use super::calls;
use super::naming::Naming;
use super::open::Open;
use super::packet_sockets::PacketSockets;
use super::peers::{KnownPeers, PeerTable};
use super::preexisting::Preexisting;
use super::processes::Processes;
use super::resolve::Resolver;
use super::waiting::Waiting;
use crate::Options;
use crate::diag;
use crate::host::{self, Interfaces};
use crate::record::{NamePacket, Record};

/// Connects without an answer that are remembered, about 100 bytes each. An evicted one can be reported twice.
const UNANSWERED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Turns records into events.
pub(crate) struct Tracker {
    pub(crate) processes: Processes,
    pub(super) naming: Naming,
    pub(super) layer: Layer,
    /// The kernel side counts the bytes of calls. Without that only TCP has totals, its own.
    pub(super) counts: bool,
    pub(super) waiting: Waiting,
    pub(super) resolver: Resolver,
    pub(super) peers: KnownPeers,
    pub(super) packet_sockets: PacketSockets,
    pub(super) preexisting: Preexisting,
    /// Connects that were reported before they were answered.
    pub(super) unanswered: LruCache<u64, ()>,
    /// Open connections; `None` if their totals are not reported.
    pub(super) open: Option<Open>,
    /// The evaluation of every flow that was granted its peer.
    pub(super) granted: Arc<Evaluation>,
    /// Inode number of the network namespace that egret runs in.
    pub(super) own_namespace: Option<u32>,
    pub(super) interfaces: Interfaces,
}

impl Tracker {
    pub(crate) fn new(layer: Layer, options: &Options) -> Self {
        let processes = Processes::new(options.trace_context, options.containers.clone());
        let mut naming = Naming::new(options.names.as_ref());
        if let Some(names) = options.names.as_ref().filter(|names| names.dns) {
            naming.restore(&names.kept, processes.at(0), processes.now());
        }
        Self {
            processes,
            naming,
            layer,
            counts: true,
            waiting: Waiting::default(),
            resolver: Resolver::new(),
            peers: KnownPeers::new(),
            packet_sockets: PacketSockets::default(),
            preexisting: Preexisting::new(host::boot_now()),
            unanswered: LruCache::new(UNANSWERED),
            open: (layer == Layer::Sockets && options.totals.is_some()).then(Open::default),
            granted: Arc::new(granted()),
            own_namespace: diag::own_namespace(),
            interfaces: Interfaces::default(),
        }
    }

    /// Follows the wall clock and the names of interfaces; call it once a batch. Calendar times that are kept are
    /// shifted by a step of the clock.
    pub(crate) fn refresh_clock(&mut self) {
        self.interfaces.refresh();
        if let Some(step) = self.processes.refresh_clock() {
            self.naming.shift(step);
        }
    }

    /// Takes a record of the process ring.
    pub(crate) fn process_record(&mut self, record: Record) {
        match record {
            Record::Exec(exec) => self.processes.exec(&exec),
            Record::Cgroup { id, path } => self.processes.cgroup(id, &path),
            // The kernel side does not write those to that ring.
            Record::Flow(..) | Record::Call(_) | Record::Name(..) => {}
        }
    }

    /// Takes a packet of the ring of names.
    pub(crate) fn name_packet(&mut self, kind: Kind, packet: &NamePacket) {
        self.naming.packet(kind, packet, self.processes.at(packet.record.header.time_ns));
    }

    /// A snapshot of the names; `None` if none are gathered.
    pub(crate) fn names(&self) -> Option<egret_names::State> {
        self.naming.state()
    }

    /// The names to keep over a restart; `None` if none are gathered.
    pub(crate) fn keep_names(&self) -> Option<Vec<egret_names::SavedName>> {
        self.naming.keep(self.processes.at(0))
    }

    pub(crate) const fn layer(&self) -> Layer {
        self.layer
    }

    /// Takes note that the kernel side does not count the bytes of calls.
    pub(crate) fn without_counts(&mut self) {
        self.counts = false;
    }

    /// Detail that events lack.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = Loss> {
        let (cut, unread) = (self.processes.cut_paths(), self.processes.unread());
        let losses = [
            Loss { stage: LossStage::KernelState, reason: LossReason::CgroupPath, count: cut },
            Loss { stage: LossStage::Process, reason: LossReason::Unanswered, count: unread },
        ];
        self.peers.losses().chain(losses.into_iter().filter(|loss| loss.count != 0))
    }

    /// Takes a system call.
    pub(crate) fn call(&mut self, call: &CallRecord, out: &mut Vec<Event>) {
        let mut event = calls::event(call, &mut self.processes);
        event.namespace = self.namespace(call.netns);
        event.peer = event.peer.behind(self.interfaces.get(call.interface, event.namespace));
        self.naming.name(&mut event, call.process.exec_id);
        out.push(event);
    }

    /// Takes a record of the flow ring; appends its events to `out`.
    pub(crate) fn flow(&mut self, kind: Kind, flow: FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        let before = out.len();
        self.report(kind, flow, peers, out);
        self.account(out.get_mut(before..).unwrap_or_default());
    }

    /// Follows the connections that events begin and end.
    pub(super) fn account(&mut self, events: &mut [Event]) {
        if let Some(open) = &mut self.open {
            open.account(events);
        }
    }
}

/// An earlier connection of the same process to the same peer was allowed by a rule; which one is not known here.
const fn granted() -> Evaluation {
    Evaluation { reason: Reason::Rule, rule: None, attribution: Attribution::Cookie, duration_ns: None }
}
