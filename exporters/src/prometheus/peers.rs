//! What is counted by who is at the other end.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use egret_model::Event;

use super::blocked::{Blocked, ByVerdict};
use super::catalogue::{PEER_BLOCKED, PEER_CONNECTIONS};
use super::count::{Count, Counts};
use super::family::Family;
use super::label::{self, DIRECTIONS};
use super::meaning;
use super::top::Top;

/// Who is at the other end: the name that was asked for, or the address where there was none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Name(Arc<str>),
    Address(IpAddr),
}

impl Peer {
    fn of(event: &Event) -> Option<Self> {
        match &event.server {
            Some(server) => Some(Self::Name(label::bounded(&server.name))),
            None => event.peer.address.map(Self::Address),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What is counted of one peer.
#[derive(Debug, Default)]
pub(super) struct PeerCounts {
    /// By direction.
    connections: [Count; DIRECTIONS.len()],
    blocked: ByVerdict,
}

impl Counts for PeerCounts {
    fn end(&mut self, other: &mut Self) {
        for (ends, heir) in self.connections.iter_mut().zip(&mut other.connections) {
            heir.add(ends.end());
        }
        self.blocked.end(&mut other.blocked);
    }
}

/// The counts of all peers.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) top: Top<Peer, PeerCounts>,
}

impl Peers {
    pub(super) fn new(limit: usize) -> Self {
        Self { top: Top::new(limit) }
    }

    /// Counts a new connection, and one that was blocked.
    pub(super) fn count(&mut self, event: &Event, opens: bool, blocked: Option<Blocked>) {
        if !opens && blocked.is_none() {
            return;
        }
        let counts = self.top.of(Peer::of(event).as_ref());
        let count = counts.connections.get_mut(label::direction(meaning::inbound(event)));
        if let Some(count) = count.filter(|_| opens) {
            count.add(1);
        }
        if let Some(blocked) = blocked {
            counts.blocked.add(blocked);
        }
    }

    /// The metrics, for a scrape.
    pub(super) fn show(&mut self) -> [Family; 2] {
        let (mut connections, mut blocked) = (Family::new(PEER_CONNECTIONS), Family::new(PEER_BLOCKED));
        self.top.show(|peer, counts| {
            for (direction, count) in DIRECTIONS.iter().zip(&mut counts.connections) {
                connections.shown(&[direction, peer], count);
            }
            counts.blocked.show(|verdict, count| blocked.shown(&[verdict, peer], count));
        });
        [connections, blocked]
    }
}
