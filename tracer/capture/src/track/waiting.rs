//! Accepted connections that are held back until a process uses them.

use std::collections::{HashMap, VecDeque};

use egret_wire::FlowRecord;

/// Connections held back at most, about 250 bytes each: 2 MB. If there are more, the oldest is reported.
const CAPACITY: usize = 8192;

/// Records by socket cookie, in the order of their times.
#[derive(Default)]
pub(super) struct Waiting {
    records: HashMap<u64, FlowRecord>,
    /// Cookies by age. The cookie of a record that was taken stays here until it is the oldest.
    order: VecDeque<u64>,
}

impl Waiting {
    /// Holds a record back; returns the oldest if there are too many.
    pub(super) fn add(&mut self, record: FlowRecord) -> Option<FlowRecord> {
        let oldest = if self.order.len() >= CAPACITY { self.pop() } else { None };
        self.order.push_back(record.cookie);
        self.records.insert(record.cookie, record);
        oldest
    }

    pub(super) fn take(&mut self, cookie: u64) -> Option<FlowRecord> {
        self.records.remove(&cookie)
    }

    /// Takes the oldest record, if its time is `until_ns` on the boot clock or earlier.
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
    use egret_wire::Kind;

    use super::super::sample;
    use super::*;

    fn record(cookie: u64, time_ns: u64) -> FlowRecord {
        let mut record = FlowRecord { cookie, protocol: 6, socket_type: 1, ..sample::flow(Kind::Accepted) };
        record.header.time_ns = time_ns;
        record
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
    fn oldest_record_is_returned_when_full() {
        let mut waiting = Waiting::default();
        let over: Vec<u64> = (0..CAPACITY as u64 + 5)
            .filter_map(|cookie| waiting.add(record(cookie, cookie)))
            .map(|old| old.cookie)
            .collect();
        assert_eq!(over, [0, 1, 2, 3, 4]);
        assert_eq!(waiting.records.len(), CAPACITY);
    }
}
