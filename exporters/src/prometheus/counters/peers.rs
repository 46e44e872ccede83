//! Counters by peer.

use std::fmt;
use std::sync::Arc;

use egret_model::{Endpoint, Event};

use super::blocked::{Blocked, ByVerdict};
use super::classify;
use super::top::{Count, Counts, Top};
use crate::prometheus::encoder::Family;
use crate::prometheus::encoder::catalogue::{PEER_BLOCKED, PEER_CONNECTIONS};
use crate::prometheus::encoder::label::{self, DIRECTIONS, SCOPES};

/// A peer: its name, or its address if it has no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Name(Arc<str>),
    /// With the interface of a link-local address.
    Address(Endpoint),
}

impl Peer {
    fn new(event: &Event) -> Option<Self> {
        match &event.server {
            Some(server) => Some(Self::Name(label::bounded(&server.name))),
            None => event.peer.address.map(|_| Self::Address(Endpoint { port: None, ..event.peer })),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => f.write_str(&address.to_text()),
        }
    }
}

const KINDS: usize = DIRECTIONS.len() * SCOPES.len();

/// The counters of a peer.
#[derive(Debug, Default)]
pub(super) struct PeerCounts {
    /// By direction and scope.
    connections: [Count; KINDS],
    blocked: ByVerdict,
}

impl Counts for PeerCounts {
    fn move_to(&mut self, other: &mut Self) {
        let connections = self.connections.iter_mut().zip(&mut other.connections);
        connections.for_each(|(count, other)| count.move_to(other));
        self.blocked.move_to(&mut other.blocked);
    }
}

/// The counters of all peers.
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
        let counts = self.top.count_key(Peer::new(event).as_ref());
        let scope = label::scope(classify::loopback(event));
        let kind = label::direction(classify::inbound(event)) * SCOPES.len() + scope;
        if let Some(count) = counts.connections.get_mut(kind).filter(|_| opens) {
            count.add(1);
        }
        if let Some(blocked) = blocked {
            counts.blocked.add(blocked);
        }
    }

    pub(super) fn families(&mut self) -> [Family; 2] {
        let (mut connections, mut blocked) = (Family::new(PEER_CONNECTIONS), Family::new(PEER_BLOCKED));
        self.top.scrape(|peer, counts| {
            for (kind, count) in counts.connections.iter_mut().enumerate() {
                let direction = label::at(&DIRECTIONS, kind / SCOPES.len());
                count.scrape(&mut connections, &[direction, label::at(&SCOPES, kind % SCOPES.len()), peer]);
            }
            counts.blocked.scrape(|verdict, count| count.scrape(&mut blocked, &[verdict, peer]));
        });
        [connections, blocked]
    }
}
