//! The `procfs` layer: the socket tables of `/proc`, compared with those of the scan before.
//!
//! The sockets of one's own processes take no privilege; the owners of other users' sockets take root. It is the
//! fallback where the kernel layers cannot work, and the baseline of their benchmarks. Its limits:
//!
//! * A connection between two scans is missed, unless TIME-WAIT remains on the side that closed first: that is
//!   reported, without a process.
//! * The owner of a socket is found after the fact, by the socket's inode number among every process's descriptors
//!   ([`Attribution::Procfs`]); it is unknown if the socket was passed on or closed meanwhile.
//! * The direction of a TCP connection is inferred: with a listener on its local port it was accepted.
//! * There are no byte counts, no latencies and no failed connections, and times are those of the scan.
//! * Datagram and raw sockets have a peer only if they are connected: `/proc` does not show the destinations of
//!   `sendto(2)`.
//! * The kernel writes the tables in parts. While many sockets are opened and closed, an entry may be missing from
//!   one scan, and is reported as closed and opened again.
//!
//! Cost: the tables of every network namespace in each scan; the descriptors of every process only if there are
//! new sockets. For a TCP table the kernel walks its whole hash table, which all namespaces share, however few
//! sockets there are: 3.7 ms for each of IPv4 and IPv6 with 262,144 buckets (Linux 6.18), times the number of
//! namespaces.

mod flow;
mod resolve;
mod seen;
mod snapshot;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

#[cfg(doc)]
use egret_model::Attribution;
use egret_model::{Event, Interface, Loss, LossReason, LossStage, NetworkNamespace, Timestamp};

use crate::diag::{self, SocketOwners, find_owners};
use crate::host::{ContainerNames, Interfaces};
use flow::Flow;
use resolve::Resolver;
use seen::{Key, Listeners, Phase, Seen};
use snapshot::Snapshot;

/// Sockets that are followed, 250 bytes each: 8 MB, and their processes, about 1 KB each, which flows share. More
/// are dropped and counted. During a scan the kernel's tables are in memory once, whatever their length, 100 bytes
/// a line.
const MAX_FLOWS: usize = 32_768;

/// Finds the flows that were opened and closed between scans.
#[derive(Debug)]
pub struct Scanner {
    interval: Duration,
    flows: HashMap<Key, Flow>,
    resolver: Resolver,
    /// Nothing was scanned yet: the next scan finds preexisting sockets.
    is_first: bool,
    /// Number of the next flow without an inode number.
    serial: u64,
    dropped: u64,
    unread: u64,
    own_namespace: Option<u32>,
    interfaces: Interfaces,
}

impl Scanner {
    /// A scanner for one scan every `interval`. Shorter connections are missed.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            flows: HashMap::new(),
            resolver: Resolver::default(),
            is_first: true,
            serial: 0,
            dropped: 0,
            unread: 0,
            own_namespace: diag::own_namespace(),
            interfaces: Interfaces::default(),
        }
    }

    /// Resolves the names of containers.
    #[must_use]
    pub fn with_container_names(mut self, names: Option<ContainerNames>) -> Self {
        self.resolver.name_containers(names);
        self
    }

    /// The time between two scans, which the caller of [`Self::scan`] keeps.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Reads `/proc` and returns what has changed since the last scan. Everything that the first scan finds is
    /// preexisting.
    pub fn scan(&mut self, now: Timestamp) -> Vec<Event> {
        let snapshot = Snapshot::take();
        self.unread = self.unread.saturating_add(snapshot.failures);
        self.apply(&snapshot, now)
    }

    /// Known losses of this layer: sockets beyond the limit (counted again by every scan that finds them), and
    /// tables that could not be read or parsed.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let loss = |reason, count| Loss { stage: LossStage::Scan, reason, count };
        let losses = [loss(LossReason::QueueFull, self.dropped), loss(LossReason::Malformed, self.unread)];
        losses.into_iter().filter(|loss| loss.count > 0).collect()
    }

    fn apply(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
        // A program may close its listener right after accepting: the listeners of the last scan count too.
        let listeners = Listeners::new(self.flows.keys().chain(snapshot.sockets.keys()));
        let mut events = self.close_vanished(snapshot, now);
        let changed = self.changed(snapshot);
        let owners = owners(&changed);
        self.resolver.begin();
        self.interfaces.refresh();
        for (key, seen) in changed {
            self.update(key, seen, &owners, &listeners, now, &mut events);
        }
        self.is_first = false;
        events
    }

    fn close_vanished(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
        let gone = |key: &Key| !snapshot.sockets.contains_key(key) && !snapshot.unread.contains(&key.netns);
        let closed = self.flows.extract_if(|key, _| gone(key));
        closed.filter(|(_, flow)| !flow.ended).map(|(key, flow)| flow.close(&key, now)).collect()
    }

    /// The sockets that are new or have changed, in the order of their inode numbers, which is that of their
    /// creation.
    fn changed(&self, snapshot: &Snapshot) -> Vec<(Key, Seen)> {
        let has_changed = |(key, seen): &(&Key, &Seen)| match self.flows.get(key) {
            Some(flow) => !flow.is_unchanged(seen),
            None => seen.phase != Phase::Waiting,
        };
        let changed = snapshot.sockets.iter().filter(has_changed).map(|(key, seen)| (*key, *seen));
        let mut changed: Vec<(Key, Seen)> = changed.collect();
        changed.sort_by_key(|(_, seen)| seen.inode);
        changed
    }

    fn update(
        &mut self,
        key: Key,
        seen: Seen,
        owners: &SocketOwners,
        listeners: &Listeners,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let is_full = self.flows.len() >= MAX_FLOWS;
        match self.flows.get_mut(&key) {
            Some(flow) if seen.phase == Phase::Ended => {
                flow.ended = true;
                events.push(flow.close(&key, now));
                return;
            }
            // Another socket with the same endpoints.
            Some(flow) if !flow.ended => events.push(flow.close(&key, now)),
            Some(_) => {}
            None if is_full => {
                self.dropped = self.dropped.saturating_add(1);
                return;
            }
            None => {}
        }
        let flow = self.begin(seen, owners, now).behind(self.interface(&key));
        if !(self.is_first && flow.ended) {
            events.push(flow.open(&key, listeners, now));
            events.extend(flow.ended.then(|| flow.close(&key, now)));
        }
        self.flows.insert(key, flow);
    }

    fn interface(&mut self, key: &Key) -> Option<Interface> {
        let namespace = NetworkNamespace { inode: key.netns, own: Some(key.netns) == self.own_namespace };
        self.interfaces.get(key.interface, Some(namespace))
    }

    fn begin(&mut self, seen: Seen, owners: &SocketOwners, now: Timestamp) -> Flow {
        self.serial = self.serial.wrapping_add(1);
        let process = owners.get(seen.inode).and_then(|pid| self.resolver.process(pid));
        Flow::new(seen, self.serial, process, self.is_first, now)
    }
}

/// The owners of the sockets, by one pass over every process's descriptors if there are any.
fn owners(changed: &[(Key, Seen)]) -> SocketOwners {
    let alive = changed.iter().map(|(_, seen)| seen).filter(|seen| seen.phase == Phase::Alive && seen.inode != 0);
    let wanted: HashSet<u64> = alive.map(|seen| seen.inode).collect();
    if wanted.is_empty() {
        return SocketOwners::default();
    }
    // Without a list of processes the owners are unknown, as the events say.
    find_owners(|inode| wanted.contains(&inode)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
