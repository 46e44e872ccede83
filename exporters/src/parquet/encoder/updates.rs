//! Merges the updates of open connections, so that a file has one row for each.

use std::borrow::Cow;
use std::collections::HashMap;

use egret_model::{ConnectionId, Event, EventName};

use crate::parquet::layout::Hour;

/// Maximum number of connections whose updates are merged, about 400 bytes each: 13 MB. Updates of further connections become rows
/// at once.
const CONNECTIONS: usize = 32_768;

/// The last update of each open connection, with the deltas of the earlier ones added.
#[derive(Debug, Default)]
pub(crate) struct Updates(HashMap<ConnectionId, Pending>);

#[derive(Debug)]
struct Pending {
    event: Event,
    /// The number of events merged in it.
    events: u64,
}

impl Updates {
    /// The row of an event and the number of events merged in it; `None` for an update, which is kept.
    pub(crate) fn merge<'a>(&mut self, event: &'a Event) -> Option<(Cow<'a, Event>, u64)> {
        match event.name {
            EventName::ConnectionUpdate => {
                let (event, events) = self.merged(event);
                if self.0.len() >= CONNECTIONS {
                    return Some((event, events));
                }
                self.0.insert(event.id, Pending { event: event.into_owned(), events });
                None
            }
            EventName::ConnectionClose => Some(self.merged(event)),
            _ => Some((Cow::Borrowed(event), 1)),
        }
    }

    /// Removes the updates of an hour and returns them in order of time.
    pub(crate) fn take_hour(&mut self, hour: Hour) -> impl Iterator<Item = (Event, u64)> {
        let due = self.0.extract_if(move |_, pending| Hour::from(pending.event.time) == hour);
        let mut due: Vec<_> = due.map(|(_, pending)| (pending.event, pending.events)).collect();
        due.sort_unstable_by_key(|(event, _)| event.time);
        due.into_iter()
    }

    /// The number of events that are in no row yet.
    pub(crate) fn pending(&self) -> u64 {
        self.0.values().map(|pending| pending.events).sum()
    }

    /// The event with the deltas of the connection's pending update added.
    fn merged<'a>(&mut self, event: &'a Event) -> (Cow<'a, Event>, u64) {
        let Some(pending) = self.0.remove(&event.id) else { return (Cow::Borrowed(event), 1) };
        let mut merged = event.clone();
        let sum = |total: Option<u64>, one: Option<u64>, other: Option<u64>| {
            let sum = one.unwrap_or(0).saturating_add(other.unwrap_or(0));
            total.filter(|total| *total != sum).map(|_| sum)
        };
        merged.bytes_sent_delta = sum(event.bytes_sent, event.unreported_sent(), pending.event.unreported_sent());
        merged.bytes_received_delta =
            sum(event.bytes_received, event.unreported_received(), pending.event.unreported_received());
        (Cow::Owned(merged), pending.events + 1)
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{Layer, Timestamp};

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn event(name: EventName, time: i64, sent: u64, delta: Option<u64>) -> Event {
        let id = ConnectionId { socket: 1, opened: 2 };
        Event {
            bytes_sent: Some(sent),
            bytes_sent_delta: delta,
            ..Event::new(name, Timestamp(time), id, Layer::Sockets)
        }
    }

    #[test]
    fn deltas_of_rows_add_up_to_the_total() {
        let update = |time, sent, delta| event(EventName::ConnectionUpdate, time, sent, delta);
        let mut updates = Updates::default();
        assert!(updates.merge(&update(1, 5, None)).is_none());
        assert!(updates.merge(&update(2, 8, Some(3))).is_none());
        let (row, events) = updates.take_hour(Hour::from(Timestamp(2))).next().unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(8), None, 2));
        assert!(updates.take_hour(Hour::from(Timestamp(2))).next().is_none());
        assert!(updates.merge(&update(HOUR, 9, Some(1))).is_none());
        assert!(updates.take_hour(Hour::from(Timestamp(2))).next().is_none());
        let close = event(EventName::ConnectionClose, HOUR + 1, 20, Some(11));
        let (row, events) = updates.merge(&close).unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(20), Some(12), 2));
    }

    #[test]
    fn close_without_an_earlier_row_has_no_delta() {
        let mut updates = Updates::default();
        assert!(updates.merge(&event(EventName::ConnectionUpdate, 1, 5, None)).is_none());
        let close = event(EventName::ConnectionClose, 2, 7, Some(2));
        let (row, events) = updates.merge(&close).unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(7), None, 2));
    }
}
