//! The rings of the kernel side, and the records that were taken from them.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use egret_wire::Kind;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::record::{NamePacket, Record, decode};

/// Records taken from a ring.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) delivered: u64,
    pub(super) malformed: u64,
}

impl Taken {
    pub(super) const fn total(self) -> u64 {
        self.delivered + self.malformed
    }
}

/// One ring.
pub(super) struct RecordRing {
    ring: RingBuf<MapData>,
    name: &'static str,
    pub(super) taken: Taken,
}

impl RecordRing {
    pub(super) fn new(ring: RingBuf<MapData>, name: &'static str) -> Self {
        Self { ring, name, taken: Taken::default() }
    }

    /// Takes the next record. Malformed ones are counted and logged.
    pub(super) fn take(&mut self) -> Option<Record> {
        self.hold().inspect(|_| self.taken.delivered += 1)
    }

    /// The same, for a record that is not delivered yet: the caller counts it when it is.
    pub(super) fn hold(&mut self) -> Option<Record> {
        while let Some(item) = self.ring.next() {
            match decode(&item) {
                Ok(record) => return Some(record),
                Err(error) => {
                    self.taken.malformed += 1;
                    tracing::warn!(%error, ring = self.name, "record cannot be read");
                }
            }
        }
        None
    }
}

impl AsFd for RecordRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// The ring of packets for names, which is read up to the time of a flow: the flow is reported with the names that
/// were known then. An answer that the kernel side saw before the flow is taken, a later one is not.
pub(super) struct NameRing {
    pub(super) ring: RecordRing,
    /// The first packet after the time up to which the ring was read.
    ahead: Option<(Kind, NamePacket)>,
}

impl NameRing {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring: RecordRing::new(ring, "names"), ahead: None }
    }

    /// The next packet, if it was seen at `until_ns` on the boot clock or before. An empty ring costs two loads.
    pub(super) fn next(&mut self, until_ns: u64) -> Option<(Kind, NamePacket)> {
        if self.ahead.is_none() {
            self.ahead = self.read();
        }
        self.ahead.take_if(|(_, packet)| packet.record.header.time_ns <= until_ns)
    }

    fn read(&mut self) -> Option<(Kind, NamePacket)> {
        while let Some(record) = self.ring.hold() {
            if let Record::Name(kind, packet) = record {
                self.ring.taken.delivered += 1;
                return Some((kind, packet));
            }
            // The kernel side does not write others to this ring.
            self.ring.taken.malformed += 1;
        }
        None
    }
}

/// Waits until one of the descriptors is readable or time has passed. Returns which of the `others` are readable,
/// as bits.
pub(super) fn wait_for(others: &[BorrowedFd<'_>], rings: &[BorrowedFd<'_>], limit: Duration) -> u32 {
    let mut fds: Vec<PollFd<'_>> = others.iter().chain(rings).map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    // Rounded up: a wait of zero milliseconds for the last fraction of one would spin.
    let limit = limit.saturating_add(Duration::from_micros(999));
    // Interrupted or refused, the caller checks every descriptor all the same.
    let _ = poll(&mut fds, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
    let readable = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
    fds.iter()
        .take(others.len().min(32))
        .enumerate()
        .filter(|(_, fd)| readable(fd))
        .fold(0, |bits, (index, _)| bits | 1 << index)
}

pub(super) fn shorter(limit: Option<Duration>, other: Duration) -> Duration {
    limit.map_or(other, |limit| limit.min(other))
}
