//! Updates: the totals of open connections, at an interval.

use egret_model::{ConnectionId, Event, OpenConnections};
use egret_wire::FlowRecord;

use super::event::is_peer_of;
use super::open::{Open, Totals, TotalsTable};
use super::peers::key_of;
use super::tracker::Tracker;
use crate::host;

impl Tracker {
    /// Reports how the totals of open connections have grown since the last time, and counts the connections.
    /// Every record that was written must have been taken.
    pub(crate) fn update(&mut self, table: &dyn TotalsTable, out: &mut Vec<Event>) -> Option<OpenConnections> {
        let now_ns = host::boot_now();
        let before = out.len();
        let started_ns = self.preexisting.started_ns;
        let open = self.open.as_mut()?;
        for id in open.with_handshake() {
            // The kernel side does not know the beginning of a preexisting connection.
            match table.find(id.socket).filter(|slot| id.opened == started_ns || slot.opened_ns == id.opened) {
                Some(slot) => out.extend(open.update(id, Totals::from_slot(&slot))),
                None => open.miss(id),
            }
        }
        for peers in self.peers.by_socket() {
            for first in peers {
                let Some(id) = id_of_peer(open, first, started_ns) else { continue };
                let totals = totals_with(first, peers.len() > 1, table);
                out.extend(totals.and_then(|totals| open.update(id, totals)));
            }
        }
        let counted = open.count();
        for event in out.get_mut(before..).unwrap_or_default() {
            self.complete(event, now_ns);
        }
        Some(counted)
    }

    /// Gives an update its time, and the peer's name as far as that is known by now.
    fn complete(&mut self, event: &mut Event, now_ns: u64) {
        event.time = self.processes.at(now_ns);
        event.boot_ns = now_ns;
        if !event.preexisting {
            event.connection_duration_ns = now_ns.checked_sub(event.id.opened);
        }
        let before = event.server.take();
        // Without the image of the process, this cannot say whether a name is evidence: an unchanged name keeps
        // what the first event said of it.
        self.naming.name(event, 0);
        event.server = match (event.server.take(), before) {
            (Some(now), Some(before)) if now.name == before.name && now.source == before.source => Some(before),
            (now, before) => now.or(before),
        };
    }
}

/// The connection that began with the first record of a peer, if it is followed.
fn id_of_peer(open: &Open, first: &FlowRecord, started_ns: u64) -> Option<ConnectionId> {
    let id = ConnectionId { socket: first.cookie, opened: first.opened_ns };
    let listed = ConnectionId { opened: started_ns, ..id };
    let is_listed = || open.beginning(listed).is_some_and(|begin| is_peer_of(first, begin.peer));
    open.beginning(id).map(|_| id).or_else(|| is_listed().then_some(listed))
}

/// The totals of a datagram socket with one of its peers. The peer table is read first: the kernel side takes
/// totals out of a slot before it adds them to that table, so that nothing is counted twice.
fn totals_with(first: &FlowRecord, is_one_of_many: bool, table: &dyn TotalsTable) -> Option<Totals> {
    let current = || {
        let slot = table.find(first.cookie).filter(|slot| slot.opened_ns == first.opened_ns);
        slot.as_ref().map(Totals::from_slot)
    };
    let earlier = || {
        let totals = table.peer(&key_of(first)).filter(|totals| totals.opened_ns == first.opened_ns);
        totals.map(|totals| Totals { sent: totals.sent, received: totals.received })
    };
    if is_one_of_many {
        let earlier = earlier();
        current().map(|now| now.plus(earlier.unwrap_or_default())).or(earlier)
    } else {
        current().or_else(earlier)
    }
}
