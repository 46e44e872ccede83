//! What open connections have moved since the last row about them.

use std::borrow::Cow;
use std::collections::HashMap;

use egret_model::{ConnectionId, Event, EventName};

use super::layout::Hour;

/// Connections whose totals may wait for the end of a file, about 400 bytes each: 13 MB. What there is no room for becomes a
/// row at once.
const CONNECTIONS: usize = 32_768;

/// The last update of each open connection, with what those before it have reported.
#[derive(Debug, Default)]
pub(super) struct Updates(HashMap<ConnectionId, Waiting>);

#[derive(Debug)]
struct Waiting {
    event: Event,
    /// Events that it stands for.
    events: u64,
}

impl Updates {
    /// Takes an event. What is to be a row now, and for how many events it stands; `None` for an update that waits.
    pub(super) fn take<'a>(&mut self, event: &'a Event) -> Option<(Cow<'a, Event>, u64)> {
        match event.name {
            EventName::ConnectionUpdate => {
                let (event, events) = self.joined(event);
                if self.0.len() >= CONNECTIONS {
                    return Some((event, events));
                }
                self.0.insert(event.id, Waiting { event: event.into_owned(), events });
                None
            }
            EventName::ConnectionClose => Some(self.joined(event)),
            _ => Some((Cow::Borrowed(event), 1)),
        }
    }

    /// Takes out the updates of an hour.
    pub(super) fn of_hour(&mut self, hour: Hour) -> impl Iterator<Item = (Event, u64)> {
        let due = self.0.extract_if(move |_, waiting| Hour::of(waiting.event.time) == hour);
        let mut due: Vec<_> = due.map(|(_, waiting)| (waiting.event, waiting.events)).collect();
        due.sort_unstable_by_key(|(event, _)| event.time);
        due.into_iter()
    }

    /// The event, with what the update that waits has reported and no row has.
    fn joined<'a>(&mut self, event: &'a Event) -> (Cow<'a, Event>, u64) {
        let Some(waiting) = self.0.remove(&event.id) else { return (Cow::Borrowed(event), 1) };
        let mut joined = event.clone();
        let sum = |total: Option<u64>, one: Option<u64>, other: Option<u64>| {
            let sum = one.unwrap_or(0).saturating_add(other.unwrap_or(0));
            total.filter(|total| *total != sum).map(|_| sum)
        };
        joined.bytes_sent_delta = sum(event.bytes_sent, event.unreported_sent(), waiting.event.unreported_sent());
        joined.bytes_received_delta =
            sum(event.bytes_received, event.unreported_received(), waiting.event.unreported_received());
        (Cow::Owned(joined), waiting.events + 1)
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
    fn rows_add_up_to_the_total() {
        let update = |time, sent, delta| event(EventName::ConnectionUpdate, time, sent, delta);
        let mut updates = Updates::default();
        assert!(updates.take(&update(1, 5, None)).is_none());
        assert!(updates.take(&update(2, 8, Some(3))).is_none());
        let (row, events) = updates.of_hour(Hour::of(Timestamp(2))).next().unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(8), None, 2));
        assert!(updates.of_hour(Hour::of(Timestamp(2))).next().is_none());
        assert!(updates.take(&update(HOUR, 9, Some(1))).is_none());
        assert!(updates.of_hour(Hour::of(Timestamp(2))).next().is_none());
        let close = event(EventName::ConnectionClose, HOUR + 1, 20, Some(11));
        let (row, events) = updates.take(&close).unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(20), Some(12), 2));
    }

    #[test]
    fn a_connection_that_had_no_row_ends_with_all_of_it() {
        let mut updates = Updates::default();
        assert!(updates.take(&event(EventName::ConnectionUpdate, 1, 5, None)).is_none());
        let close = event(EventName::ConnectionClose, 2, 7, Some(2));
        let (row, events) = updates.take(&close).unwrap();
        assert_eq!((row.bytes_sent, row.bytes_sent_delta, events), (Some(7), None, 2));
    }
}
