//! What is counted by who is at the other end.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use egret_model::Event;

use super::catalogue::PEER_CONNECTIONS;
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

/// Connections with one peer, by direction.
#[derive(Debug, Default)]
pub(super) struct PeerCounts([Count; DIRECTIONS.len()]);

impl Counts for PeerCounts {
    fn end(&mut self, other: &mut Self) {
        for (ends, heir) in self.0.iter_mut().zip(&mut other.0) {
            heir.add(ends.end());
        }
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

    /// Counts a new connection.
    pub(super) fn count(&mut self, event: &Event) {
        let counts = self.top.of(Peer::of(event).as_ref());
        if let Some(count) = counts.0.get_mut(label::direction(meaning::inbound(event))) {
            count.add(1);
        }
    }

    /// The metric, for a scrape.
    pub(super) fn show(&mut self) -> Family {
        let mut family = Family::new(PEER_CONNECTIONS);
        self.top.show(|peer, counts| {
            for (direction, count) in DIRECTIONS.iter().zip(&mut counts.0) {
                family.shown(&[direction, peer], count);
            }
        });
        family
    }
}
