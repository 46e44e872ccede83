//! How the programs are set up, and the configuration that they read.

use std::fs;

use egret_wire::{
    CONFIG_ATOMICS, CONFIG_CURRENT, CONFIG_DNS, CONFIG_ENFORCE, CONFIG_EVERY_SEND, CONFIG_LENGTHS, CONFIG_PACKETS,
    CONFIG_SNI, CONFIG_TOTALS, CONFIG_TRACE_CONTEXT, CONFIG_TYPED, Config,
};

use super::features::{can_name_processes, lacks_atomics};
use super::{btf, offsets};
use crate::host::HostMounts;

/// A call that has been in progress for longer may lose its entry to another: a second at 1000 Hz, longer at lower
/// rates.
const BUSY_JIFFIES: u32 = 1250;

/// Bytes of the ring of names if no names are gathered: the smallest that the kernel makes.
const NO_NAMES_BYTES: u32 = 64 << 10;
/// Bytes of the ring of names otherwise: see the map.
const NAMES_BYTES: u32 = 512 << 10;

/// What the programs are asked to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Bytes of the flow ring; a power of two and a multiple of the page size.
    pub(crate) ring_bytes: u32,
    /// Write a record for every send.
    pub(crate) every_send: bool,
    /// Keep the totals of open connections in a table.
    pub(crate) totals: bool,
    /// Copy DNS messages.
    pub(crate) dns: bool,
    /// Copy the first bytes of TLS connections.
    pub(crate) sni: bool,
    /// Look for `TRACEPARENT` in the environment of every exec.
    pub(crate) trace_context: bool,
    /// Record owners and honour grants while a policy is active.
    pub(crate) enforce: bool,
    /// Count packets where the length tracepoints are missing.
    pub(crate) packets: bool,
}

/// What of a [`Setup`] this kernel can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Available {
    /// The offsets of the kernel's structures are known.
    pub(super) typed: bool,
    /// There are length tracepoints.
    pub(super) lengths: bool,
}

impl Setup {
    /// Whether names are gathered from packets.
    pub(super) const fn wants_names(self) -> bool {
        self.dns || self.sni
    }

    pub(super) const fn names_bytes(self) -> u32 {
        if self.wants_names() { NAMES_BYTES } else { NO_NAMES_BYTES }
    }

    /// The setup as far as it is available.
    pub(super) const fn limited_to(self, available: Available) -> Self {
        let packets = !available.lengths && self.packets;
        let totals = (available.lengths || packets) && self.totals;
        Self { packets, totals, ..self }
    }

    /// Completes the configuration of the programs.
    pub(super) fn configure(self, offsets: Config, available: Available) -> Config {
        Config {
            flags: self.flags(available),
            busy_jiffies: BUSY_JIFFIES,
            wake_bytes: (self.ring_bytes / 16).min(64 << 10),
            ..offsets
        }
    }

    fn flags(self, available: Available) -> u32 {
        let wanted = [
            (available.typed, CONFIG_TYPED),
            (available.lengths, CONFIG_LENGTHS),
            (can_name_processes(), CONFIG_CURRENT),
            (self.packets, CONFIG_PACKETS),
            (!lacks_atomics(), CONFIG_ATOMICS),
            (self.every_send, CONFIG_EVERY_SEND),
            (self.totals, CONFIG_TOTALS),
            (self.dns, CONFIG_DNS),
            (self.sni, CONFIG_SNI),
            (self.trace_context, CONFIG_TRACE_CONTEXT),
            (self.enforce, CONFIG_ENFORCE),
        ];
        wanted.iter().filter(|(is, _)| *is).fold(0, |flags, (_, bit)| flags | bit)
    }
}

/// The offsets of the running kernel; all unknown without its type information.
pub(super) fn kernel_offsets() -> Config {
    let Ok(data) = fs::read("/sys/kernel/btf/vmlinux") else { return Config::UNKNOWN };
    let config = btf::Btf::parse(&data).map_or(Config::UNKNOWN, |types| offsets::read(&types));
    Config { host_mounts: HostMounts::get().namespaces, ..config }
}
