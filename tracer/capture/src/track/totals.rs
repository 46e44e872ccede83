//! What was reported of connections that are still open.

use std::collections::HashMap;

use egret_model::ConnectionId;

/// Connections whose reported totals are remembered, about 60 bytes each: 2 MB, and 15 MB of events if all of them have moved
/// data at once. What there is no room for is reported at its end alone, whole.
const CONNECTIONS: usize = 32_768;

/// Payload bytes sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) received: u64,
}

#[derive(Debug)]
struct Entry {
    reported: Totals,
    /// The round in which the connection was last open.
    round: u64,
}

/// The totals that were last reported of each connection, so that each report counts what is new.
#[derive(Debug, Default)]
pub(super) struct Reported {
    connections: HashMap<ConnectionId, Entry>,
    round: u64,
}

impl Reported {
    /// Begins a round through all connections that are open.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// Takes the totals of a connection that is open. What was reported before, if they have grown since and can be reported
    /// now.
    pub(super) fn update(&mut self, id: ConnectionId, before: Totals, now: Totals) -> Option<(Totals, Totals)> {
        let room = self.connections.len() < CONNECTIONS;
        let (round, reported) = match self.connections.get_mut(&id) {
            Some(entry) => (&mut entry.round, &mut entry.reported),
            None if room && grows(before, now) => {
                let entry = self.connections.entry(id).or_insert(Entry { reported: before, round: 0 });
                (&mut entry.round, &mut entry.reported)
            }
            None => return None,
        };
        *round = self.round;
        if !grows(*reported, now) {
            return None;
        }
        // A reading may be behind in one direction.
        let now = Totals { sent: now.sent.max(reported.sent), received: now.received.max(reported.received) };
        Some((std::mem::replace(reported, now), now))
    }

    /// Ends a round: forgets what was open neither in it nor in the one before. The record of its end is lost.
    pub(super) fn end(&mut self) {
        let round = self.round;
        self.connections.retain(|_, entry| entry.round + 1 >= round);
    }

    /// Forgets a connection that has ended; what was reported of it.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Totals> {
        self.connections.remove(&id).map(|entry| entry.reported)
    }
}

const fn grows(before: Totals, now: Totals) -> bool {
    now.sent > before.sent || now.received > before.received
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnectionId = ConnectionId { socket: 1, opened: 2 };

    const fn totals(sent: u64, received: u64) -> Totals {
        Totals { sent, received }
    }

    #[test]
    fn each_report_says_what_was_reported_before() {
        let mut reported = Reported::default();
        reported.begin();
        assert_eq!(reported.update(ID, totals(5, 0), totals(5, 0)), None);
        assert_eq!(reported.update(ID, totals(5, 0), totals(7, 1)), Some((totals(5, 0), totals(7, 1))));
        assert_eq!(reported.update(ID, totals(5, 0), totals(7, 1)), None);
        // One direction is read before the other has caught up.
        assert_eq!(reported.update(ID, totals(5, 0), totals(6, 3)), Some((totals(7, 1), totals(7, 3))));
        assert_eq!(reported.take(ID), Some(totals(7, 3)));
        assert_eq!(reported.take(ID), None);
    }

    #[test]
    fn a_connection_whose_end_is_lost_is_forgotten() {
        let mut reported = Reported::default();
        reported.begin();
        reported.update(ID, totals(0, 0), totals(1, 1));
        reported.end();
        reported.begin();
        // Its end may be in the ring.
        reported.end();
        assert!(reported.connections.contains_key(&ID));
        reported.begin();
        reported.end();
        assert!(reported.connections.is_empty());
    }

    #[test]
    fn a_full_table_reports_no_further_connection() {
        let mut reported = Reported::default();
        reported.begin();
        for socket in 0..CONNECTIONS as u64 {
            assert!(reported.update(ConnectionId { socket, opened: 0 }, totals(0, 0), totals(1, 0)).is_some());
        }
        let further = ConnectionId { socket: u64::MAX, opened: 0 };
        assert_eq!(reported.update(further, totals(0, 0), totals(1, 0)), None);
        assert!(reported.update(ConnectionId { socket: 3, opened: 0 }, totals(0, 0), totals(2, 0)).is_some());
    }
}
