//! The `procfs` layer: what `/proc` shows, compared with what it showed before.
//!
//! Needs no privilege to see the sockets of one's own processes, and root to name everybody's. It is the
//! fallback where the kernel layers cannot work and the yardstick that they are measured against. What it
//! cannot do:
//!
//! * A connection that comes and goes between two scans is missed, but for the trace that TIME-WAIT leaves on
//!   the side that closed first: that is reported, without a process.
//! * A socket's process is looked up after the fact, by the socket's inode number among every process's
//!   descriptors ([`Attribution::Procfs`]); nobody is named for one that changed hands or was closed meanwhile.
//! * Who opened a TCP connection is inferred: with a listener on its local port it was accepted.
//! * There are no byte counts, no latencies and no failed connections, and times are those of the scan.
//! * Datagram and raw sockets are seen with the peer they are connected to, and without one otherwise:
//!   nothing in `/proc` says where `sendto(2)` goes.
//! * The kernel writes the tables bit by bit. While many sockets come and go, an entry may be passed over,
//!   and shows as closed and opened again.
//!
//! Cost: the tables of every network namespace each time; the descriptors of every process only when a socket
//! is new. For a TCP table the kernel walks its whole hash table, which all namespaces share, however few
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
use egret_model::{Event, Loss, LossReason, LossStage, Timestamp};

use crate::diag::{Holders, inodes_to_pids};
use flow::Flow;
use resolve::Resolver;
use seen::{Key, Listeners, Phase, Seen};
use snapshot::Snapshot;

/// Sockets followed: 8 MB at 250 bytes each, and their processes, about 1 KB each, which flows share. More
/// are counted and not reported. During a scan the kernel's tables, whatever their length, are in memory
/// once, 100 bytes a line.
const MAX_FLOWS: usize = 32_768;

/// Finds out what opened and closed between scans.
#[derive(Debug)]
pub struct Scanner {
    interval: Duration,
    flows: HashMap<Key, Flow>,
    resolver: Resolver,
    /// Nothing was scanned yet: what stands now stood before.
    is_first: bool,
    /// Numbers flows whose socket is gone.
    serial: u64,
    left_out: u64,
    unread: u64,
}

impl Scanner {
    /// A scanner that is to scan every `interval`. What lives shorter than that is missed.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            flows: HashMap::new(),
            resolver: Resolver::default(),
            is_first: true,
            serial: 0,
            left_out: 0,
            unread: 0,
        }
    }

    /// The time to let pass between two scans; whoever calls [`Self::scan`] keeps it.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Reads `/proc` and says what changed since the last time. Everything that the first scan finds is
    /// `standing`.
    pub fn scan(&mut self, now: Timestamp) -> Vec<Event> {
        let snapshot = Snapshot::take();
        self.unread = self.unread.saturating_add(snapshot.failures);
        self.apply(&snapshot, now)
    }

    /// What this layer knows it lost: sockets beyond the limit (counted again by every scan that sees them),
    /// and tables that could not be read or understood.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let loss = |reason, count| Loss { stage: LossStage::Scan, reason, count };
        let losses = [loss(LossReason::QueueFull, self.left_out), loss(LossReason::Malformed, self.unread)];
        losses.into_iter().filter(|loss| loss.count > 0).collect()
    }

    fn apply(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
        // A program may stop listening right after it accepted: those that listened the last time count as
        // well.
        let listeners = Listeners::new(self.flows.keys().chain(snapshot.sockets.keys()));
        let mut events = self.close_vanished(snapshot, now);
        let news = self.news(snapshot);
        let holders = holders(&news);
        self.resolver.begin();
        for (key, seen) in news {
            self.update(key, seen, &holders, &listeners, now, &mut events);
        }
        self.is_first = false;
        events
    }

    fn close_vanished(&mut self, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
        let gone = |key: &Key| !snapshot.sockets.contains_key(key) && !snapshot.unread.contains(&key.netns);
        let closed = self.flows.extract_if(|key, _| gone(key));
        closed.filter(|(_, flow)| !flow.ended).map(|(key, flow)| flow.close(&key, now)).collect()
    }

    /// What is not as it was, in the order in which the sockets were made, which their numbers tell.
    fn news(&self, snapshot: &Snapshot) -> Vec<(Key, Seen)> {
        let is_new = |(key, seen): &(&Key, &Seen)| match self.flows.get(key) {
            Some(flow) => !flow.is_as_seen(seen),
            None => seen.phase != Phase::Waiting,
        };
        let news = snapshot.sockets.iter().filter(is_new).map(|(key, seen)| (*key, *seen));
        let mut news: Vec<(Key, Seen)> = news.collect();
        news.sort_by_key(|(_, seen)| seen.inode);
        news
    }

    fn update(
        &mut self,
        key: Key,
        seen: Seen,
        holders: &Holders,
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
            // Another socket between the same ends.
            Some(flow) if !flow.ended => events.push(flow.close(&key, now)),
            Some(_) => {}
            None if is_full => {
                self.left_out = self.left_out.saturating_add(1);
                return;
            }
            None => {}
        }
        let flow = self.begin(seen, holders, now);
        if !(self.is_first && flow.ended) {
            events.push(flow.open(&key, listeners, now));
            events.extend(flow.ended.then(|| flow.close(&key, now)));
        }
        self.flows.insert(key, flow);
    }

    fn begin(&mut self, seen: Seen, holders: &Holders, now: Timestamp) -> Flow {
        self.serial = self.serial.wrapping_add(1);
        let process = holders.of(seen.inode).and_then(|pid| self.resolver.process(pid));
        Flow::new(seen, self.serial, process, self.is_first, now)
    }
}

/// One pass over every process's descriptors, if there is anything to look for.
fn holders(news: &[(Key, Seen)]) -> Holders {
    let alive = news.iter().map(|(_, seen)| seen).filter(|seen| seen.phase == Phase::Alive && seen.inode != 0);
    let wanted: HashSet<u64> = alive.map(|seen| seen.inode).collect();
    if wanted.is_empty() {
        return Holders::default();
    }
    // Without a list of processes nobody can be named, which the events then say.
    inodes_to_pids(|inode| wanted.contains(&inode)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
