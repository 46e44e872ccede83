//! The ring of packets that names are read from, in step with the flows.

use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::{MapData, RingBuf};
use egret_wire::Kind;

use super::kernel::Taken;
use crate::record::{NamePacket, Record, decode};

/// Reads the ring up to a moment, so that a flow is told with the names that were known then: an answer that the kernel
/// side saw first is there, a later one is not.
pub(super) struct NameRing {
    ring: RingBuf<MapData>,
    /// The first packet after the moment up to which was read.
    ahead: Option<(Kind, NamePacket)>,
    pub(super) taken: Taken,
}

impl NameRing {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring, ahead: None, taken: Taken::default() }
    }

    /// The next packet, if it was seen at `until_ns` on the boot clock or before. An empty ring costs two loads.
    pub(super) fn next(&mut self, until_ns: u64) -> Option<(Kind, NamePacket)> {
        if self.ahead.is_none() {
            self.ahead = self.read();
        }
        self.ahead.take_if(|(_, packet)| packet.record.header.time_ns <= until_ns)
    }

    fn read(&mut self) -> Option<(Kind, NamePacket)> {
        while let Some(item) = self.ring.next() {
            match decode(&item) {
                Ok(Record::Name(kind, packet)) => {
                    self.taken.delivered += 1;
                    return Some((kind, packet));
                }
                // The kernel side does not write others to this ring.
                Ok(_) => self.taken.malformed += 1,
                Err(error) => {
                    self.taken.malformed += 1;
                    tracing::warn!(%error, ring = "names", "record cannot be read");
                }
            }
        }
        None
    }
}

impl AsFd for NameRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}
