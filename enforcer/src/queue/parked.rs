//! Packets that are held for a moment.

use std::time::Instant;

use egret_model::{Flow, Identity, Owner};
use nfq::Message;

use super::cache::Key;

/// Packets that are held at a time, with a buffer of some 4 KiB each: 1 MiB.
const ROOM: usize = 256;

/// A packet whose process is known.
pub(super) struct Packet {
    pub(super) message: Message,
    pub(super) flow: Flow,
    pub(super) owner: Owner,
    pub(super) key: Key,
    pub(super) identity: Identity,
    /// When the worker had it.
    pub(super) begun: Instant,
    /// What it is held for, and until when.
    pub(super) held: Option<(For, Instant)>,
}

/// What a packet is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The digest of the executable.
    Digest,
    /// A person's answer.
    Answer,
}

impl Packet {
    /// Whether it was held for this as long as it may.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.held.is_some_and(|(_, until)| until <= now)
    }

    /// Whether it is held for this.
    pub(super) fn is_held(&self, what: For) -> bool {
        self.held.is_some_and(|(held, _)| held == what)
    }
}

/// Packets that are held.
#[derive(Default)]
pub(super) struct Parked(Vec<Packet>);

impl Parked {
    /// Whether there is room for another one.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < ROOM
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn hold(&mut self, packet: Packet) {
        self.0.push(packet);
    }

    /// All of them.
    pub(super) fn take(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.0)
    }

    /// Those that were held as long as they may.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<Packet> {
        self.0.extract_if(.., |packet| packet.is_overdue(now)).collect()
    }

    /// When the first one has been held as long as it may.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|packet| packet.held.map(|(_, until)| until)).min()
    }
}
