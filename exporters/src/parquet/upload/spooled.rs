//! What is in the spool, and what may be.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::layout::Place;
use super::super::settings::Spool;
use crate::sink::{SpoolDrop, SpoolState};

/// A file that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) bytes: u64,
    pub(super) events: u64,
    /// Since when this egret has tried to upload it: a clock that is set does not make it older.
    pub(super) since: Instant,
}

/// The files of the spool, by age. Some 150 bytes each.
#[derive(Debug)]
pub(super) struct Spooled {
    keep_for: Duration,
    keep_bytes: u64,
    files: BTreeMap<Place, Waiting>,
    /// All but what the files say.
    state: SpoolState,
}

impl Spooled {
    pub(super) fn new(limits: &Spool) -> Self {
        let state = SpoolState::default();
        Self { keep_for: limits.keep_for, keep_bytes: limits.keep_bytes, files: BTreeMap::new(), state }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn add(&mut self, place: Place, file: Waiting) {
        self.state.files += 1;
        self.state.bytes += file.bytes;
        self.state.events += file.events;
        self.files.insert(place, file);
    }

    /// The file to upload next, and its size.
    pub(super) fn oldest(&self) -> Option<(Place, u64)> {
        self.files.first_key_value().map(|(place, file)| (place.clone(), file.bytes))
    }

    /// The bucket has a file.
    pub(super) fn uploaded(&mut self, place: &Place) {
        if let Some(file) = self.take(place) {
            self.state.uploaded_files += 1;
            self.state.uploaded_events += file.events;
            self.state.error = None;
        }
    }

    /// A file cannot be read. Says how many events that costs.
    pub(super) fn unreadable(&mut self, place: &Place) -> u64 {
        let events = self.take(place).map_or(0, |file| file.events);
        self.state.dropped.add(SpoolDrop::Unreadable, events);
        events
    }

    /// The last upload failed.
    pub(super) fn failed(&mut self, error: &object_store::Error) {
        self.state.error = Some(error.to_string().into());
    }

    /// Drops the oldest file if it is too old, or all together are too large. Says which, how many events that costs, and
    /// why.
    pub(super) fn drop_excess(&mut self, now: Instant) -> Option<(Place, u64, SpoolDrop)> {
        let (place, file) = self.files.first_key_value()?;
        let reason = if now.saturating_duration_since(file.since) > self.keep_for {
            SpoolDrop::Expired
        } else if self.state.bytes > self.keep_bytes {
            SpoolDrop::SpoolFull
        } else {
            return None;
        };
        let place = place.clone();
        let events = self.take(&place).map_or(0, |file| file.events);
        self.state.dropped.add(reason, events);
        Some((place, events, reason))
    }

    pub(super) fn state(&self) -> SpoolState {
        let oldest = self.files.first_key_value().map(|(_, file)| file.since.elapsed().as_secs());
        SpoolState { oldest_seconds: oldest, ..self.state.clone() }
    }

    fn take(&mut self, place: &Place) -> Option<Waiting> {
        let file = self.files.remove(place)?;
        self.state.files -= 1;
        self.state.bytes -= file.bytes;
        self.state.events -= file.events;
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place::parse(&format!("date=2026-11-29/hour=10/web-{sequence:013}.parquet")).unwrap()
    }

    fn spooled(keep_for: u64, keep_bytes: u64) -> Spooled {
        Spooled::new(&Spool { keep_for: Duration::from_secs(keep_for), keep_bytes, ..Spool::default() })
    }

    fn file(bytes: u64) -> Waiting {
        Waiting { bytes, events: 10, since: Instant::now() }
    }

    #[test]
    fn the_oldest_goes_first_and_when_there_is_too_much() {
        let mut spooled = spooled(60, 100);
        for sequence in [3, 1, 2] {
            spooled.add(place(sequence), file(50));
        }
        let dropped = spooled.drop_excess(Instant::now());
        assert_eq!(dropped, Some((place(1), 10, SpoolDrop::SpoolFull)));
        assert_eq!(spooled.drop_excess(Instant::now()), None);
        assert_eq!(spooled.oldest(), Some((place(2), 50)));
        spooled.uploaded(&place(2));
        let state = spooled.state();
        assert_eq!((state.files, state.bytes, state.events), (1, 50, 10));
        assert_eq!((state.uploaded_files, state.uploaded_events), (1, 10));
        assert_eq!(state.dropped.of(SpoolDrop::SpoolFull), 10);
    }

    #[test]
    fn what_was_tried_for_too_long_is_dropped() {
        let mut spooled = spooled(60, 1000);
        spooled.add(place(1), file(50));
        assert_eq!(spooled.drop_excess(Instant::now() + Duration::from_secs(59)), None);
        let dropped = spooled.drop_excess(Instant::now() + Duration::from_secs(61));
        assert_eq!(dropped, Some((place(1), 10, SpoolDrop::Expired)));
        assert!(spooled.is_empty());
    }
}
