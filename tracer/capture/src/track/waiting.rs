//! Accepted connections that wait for whoever uses them first.

use std::collections::{HashMap, VecDeque};

use egret_wire::FlowRecord;

/// Connections held back at most. At about 250 bytes each 2 MB; the oldest are let go when there are more.
const CAPACITY: usize = 8192;

/// Records by socket cookie, in the order of their times.
#[derive(Default)]
pub(super) struct Waiting {
    records: HashMap<u64, FlowRecord>,
    /// Cookies by age. One that was taken out by cookie stays here until its turn comes.
    order: VecDeque<u64>,
}

impl Waiting {
    /// Holds a record back; gives the oldest if there is no room.
    pub(super) fn add(&mut self, record: FlowRecord) -> Option<FlowRecord> {
        let oldest = if self.order.len() >= CAPACITY { self.pop() } else { None };
        self.order.push_back(record.cookie);
        self.records.insert(record.cookie, record);
        oldest
    }

    /// Takes the record of a socket.
    pub(super) fn take(&mut self, cookie: u64) -> Option<FlowRecord> {
        self.records.remove(&cookie)
    }

    /// Takes the oldest record, if it is from `until` (on the boot clock) or before.
    pub(super) fn take_until(&mut self, until_ns: u64) -> Option<FlowRecord> {
        while let Some(cookie) = self.order.front() {
            match self.records.get(cookie) {
                Some(record) if record.header.time_ns > until_ns => return None,
                Some(_) => return self.pop(),
                None => {
                    self.order.pop_front();
                }
            }
        }
        None
    }

    fn pop(&mut self) -> Option<FlowRecord> {
        let cookie = self.order.pop_front()?;
        self.records.remove(&cookie)
    }
}

#[cfg(test)]
mod tests {
    use egret_wire::{Header, Kind, ProcessRef, VERSION};

    use super::*;

    fn record(cookie: u64, time_ns: u64) -> FlowRecord {
        let header = Header { version: VERSION, kind: Kind::Accepted as u8, length: 168, flags: 0, time_ns };
        FlowRecord {
            header,
            cookie,
            process: ProcessRef::NOBODY,
            local: [0; 2],
            peer: [0; 2],
            opened_ns: 0,
            established_ns: 0,
            sent: 0,
            received: 0,
            sends: 0,
            receives: 0,
            retransmits: 0,
            srtt_us: 0,
            error: 0,
            netns: 0,
            local_port: 0,
            peer_port: 0,
            family: 2,
            protocol: 6,
            socket_type: 1,
            old_state: 0,
            spilled: 0,
        }
    }

    #[test]
    fn records_leave_by_age_or_by_cookie_and_only_once() {
        let mut waiting = Waiting::default();
        for cookie in 1..=3 {
            assert_eq!(waiting.add(record(cookie, cookie * 10)), None);
        }
        assert_eq!(waiting.take(2).map(|record| record.cookie), Some(2));
        assert_eq!(waiting.take(2), None);
        assert_eq!(waiting.take_until(9), None);
        assert_eq!(waiting.take_until(30).map(|record| record.cookie), Some(1));
        assert_eq!(waiting.take_until(30).map(|record| record.cookie), Some(3));
        assert_eq!(waiting.take_until(u64::MAX), None);
    }

    #[test]
    fn holds_no_more_than_its_capacity() {
        let mut waiting = Waiting::default();
        let over: Vec<u64> = (0..CAPACITY as u64 + 5)
            .filter_map(|cookie| waiting.add(record(cookie, cookie)))
            .map(|old| old.cookie)
            .collect();
        assert_eq!(over, [0, 1, 2, 3, 4]);
        assert_eq!(waiting.records.len(), CAPACITY);
    }
}
