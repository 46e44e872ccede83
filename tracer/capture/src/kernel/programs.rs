//! The programs in the kernel, and their maps.

use std::os::fd::AsFd as _;

use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::Program;
use egret_model::Degradation;
use egret_wire::{PeerKey, PeerTotals, ProcessKey, STAGE_LISTING, STAGE_WATCHING, Stage, TotalsSlot};

use super::counters::Counters;
use super::error::LoadError;
use super::packet_sockets::PacketSockets;
use super::shared::Shared;
use super::system::{recursion_misses, wait_for_grace_period};
use super::totals::Totals;
use crate::host;

/// The programs in the kernel. They are detached when this is dropped.
pub(crate) struct Programs {
    /// `None` once they are detached; the maps stay.
    pub(super) ebpf: Option<Ebpf>,
    pub(super) counters: PerCpuArray<MapData, u64>,
    pub(super) processes: HashMap<MapData, u32, ProcessKey>,
    pub(super) peers: HashMap<MapData, PeerKey, PeerTotals>,
    pub(super) asleep: Array<MapData, u32>,
    pub(super) stage: Array<MapData, Stage>,
    /// Totals of open connections, if they are reported.
    pub(super) totals: Option<Totals>,
    /// Maps that other threads read.
    pub(super) shared: Shared,
    /// What [`Self::set_asleep`] wrote last.
    pub(super) is_asleep: bool,
    pub(super) degradations: Vec<Degradation>,
    /// Runs that were skipped until the programs were detached.
    pub(super) skipped: u64,
    pub(super) packet_sockets: PacketSockets,
    /// The bytes of sockets are counted by packets.
    pub(super) packets: bool,
}

/// The rings, which the reader owns.
pub(crate) struct Rings {
    pub(crate) flows: RingBuf<MapData>,
    pub(crate) execs: RingBuf<MapData>,
    pub(crate) names: RingBuf<MapData>,
}

impl Programs {
    /// What the kernel does not offer.
    pub(crate) fn degradations(&self) -> &[Degradation] {
        &self.degradations
    }

    /// Whether the kernel side counts packets, because it cannot count the bytes of calls.
    pub(crate) const fn counts_packets(&self) -> bool {
        self.packets
    }

    /// Whether the kernel side counts the bytes of calls: it has the kernel's types and the length tracepoints.
    pub(crate) fn counts_lengths(&self) -> bool {
        let without = [Degradation::NoBtf, Degradation::NoLengthTracepoints];
        !self.degradations.iter().any(|missing| without.contains(missing))
    }

    /// Maps that other threads read.
    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters::read(&self.counters)
    }

    /// Runs of tracepoint programs that the kernel skipped because they would have interrupted themselves
    /// (`recursion_misses` in the information about a program, Linux 5.12).
    pub(crate) fn skipped_runs(&self) -> u64 {
        let Some(ebpf) = &self.ebpf else { return self.skipped };
        // The kernel never skips cgroup hooks.
        let can_be_skipped = |program: &Program| matches!(program, Program::BtfTracePoint(_) | Program::TracePoint(_));
        ebpf.programs()
            .filter(|(_, program)| can_be_skipped(program))
            .filter_map(|(_, program)| recursion_misses(program.fd().ok()?.as_fd()))
            .sum()
    }

    /// Reports that every hook is attached: from now on sockets get their state, and connects are announced until
    /// [`Self::finish_listing`].
    pub(crate) fn begin_listing(&mut self) -> Result<(), LoadError> {
        self.set_stage(Stage { since_ns: host::boot_now(), stage: STAGE_LISTING, reserved: 0 })
    }

    /// Reports that the preexisting sockets are listed. The records of hooks that ran meanwhile are in the ring.
    pub(crate) fn finish_listing(&mut self) -> Result<(), LoadError> {
        let begun = self.stage.get(&0, 0).unwrap_or_default();
        wait_for_grace_period();
        self.set_stage(Stage { stage: STAGE_WATCHING, ..begun })
    }

    fn set_stage(&mut self, stage: Stage) -> Result<(), LoadError> {
        self.stage.set(0, stage, 0).map_err(|source| LoadError::Map { name: "STAGE", source })
    }

    /// Writes for the kernel side whether the reader sleeps until it is woken.
    pub(crate) fn set_asleep(&mut self, asleep: bool) {
        if self.is_asleep == asleep {
            return;
        }
        self.is_asleep = asleep;
        // Cannot fail on an array of one; if it did, the reader would still wake at its time limit.
        let _ = self.asleep.set(0, u32::from(asleep), 0);
    }

    /// Detaches every program and waits until none of them still runs; the maps stay readable.
    pub(crate) fn detach(&mut self) {
        self.skipped = self.skipped_runs();
        self.ebpf = None;
        wait_for_grace_period();
    }
}

/// Processes.
impl Programs {
    /// The kernel side's entry of a running process.
    pub(crate) fn process(&self, pid: u32) -> Option<ProcessKey> {
        self.processes.get(&pid, 0).ok()
    }

    /// Enters a preexisting process, unless the kernel side has an entry for it already.
    pub(crate) fn enter_process(&mut self, pid: u32, key: ProcessKey) {
        const BPF_NOEXIST: u64 = 1;
        // An error means that there is an entry, or that the table is full: the process's records say so then.
        let _ = self.processes.insert(pid, key, BPF_NOEXIST);
    }

    /// Marks a process, and all that it starts from now on, as followed, or removes the mark.
    pub(crate) fn follow(&mut self, pid: u32, followed: bool) -> Result<(), LoadError> {
        if self.degradations.contains(&Degradation::NoTracefs) {
            return Err(LoadError::CannotFollow);
        }
        let mut key = self.processes.get(&pid, 0).unwrap_or_default();
        key.flags = if followed { key.flags | egret_wire::TRACED } else { key.flags & !egret_wire::TRACED };
        self.processes.insert(pid, key, 0).map_err(|source| LoadError::Map { name: "PROCESSES", source })
    }
}

/// Totals.
impl Programs {
    /// Takes the totals of a peer out of the peer table, if its use began at this moment.
    pub(crate) fn take_peer(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals> {
        let totals = self.peers.get(key, 0).ok().filter(|totals| totals.opened_ns == opened_ns)?;
        let _ = self.peers.remove(key);
        Some(totals)
    }

    /// Whether the totals of open connections can be read.
    pub(crate) const fn reads_totals(&self) -> bool {
        self.totals.is_some()
    }

    /// The totals of a socket's current connection.
    pub(crate) fn totals(&self, cookie: u64) -> Option<TotalsSlot> {
        self.totals.as_ref()?.find(cookie)
    }

    /// The totals of a peer in the peer table, or those of a packet socket.
    pub(crate) fn peer(&self, key: &PeerKey) -> Option<PeerTotals> {
        self.peers.get(key, 0).ok().or_else(|| self.packet_sockets.totals(key.cookie))
    }

    /// Cookies of the packet sockets, and when each was first used.
    pub(crate) fn packet_sockets(&self) -> Vec<(u64, u64)> {
        self.packet_sockets.all()
    }

    /// Takes the totals of a packet socket, if it is closed.
    pub(crate) fn take_closed(&mut self, cookie: u64) -> Option<PeerTotals> {
        let closed = self.packet_sockets.take_closed(cookie);
        closed.inspect_err(|error| tracing::debug!(%error, "cannot check a packet socket")).ok().flatten()
    }
}
