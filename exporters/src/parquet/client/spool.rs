//! The files of the spool and their limits.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::parquet::config::Spool;
use crate::parquet::layout::LogFile;
use crate::sink::{SpoolDropReason, SpoolState};

/// A file that waits for its upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpoolFile {
    pub(super) bytes: u64,
    pub(super) events: u64,
    /// Since when this process has tried to upload it. A monotonic clock, so that setting the wall clock does not expire files.
    pub(super) since: Instant,
}

/// The files of the spool, by age, some 150 bytes each.
#[derive(Debug)]
pub(super) struct SpoolFiles {
    keep_for: Duration,
    keep_bytes: u64,
    files: BTreeMap<LogFile, SpoolFile>,
    /// Without the age of the oldest file.
    state: SpoolState,
}

impl SpoolFiles {
    pub(super) fn new(limits: &Spool) -> Self {
        let state = SpoolState::default();
        Self { keep_for: limits.keep_for, keep_bytes: limits.keep_bytes, files: BTreeMap::new(), state }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn add(&mut self, path: LogFile, file: SpoolFile) {
        self.state.files += 1;
        self.state.bytes += file.bytes;
        self.state.events += file.events;
        self.files.insert(path, file);
    }

    /// The oldest file, which is uploaded next, and its size.
    pub(super) fn oldest(&self) -> Option<(LogFile, u64)> {
        self.files.first_key_value().map(|(path, file)| (path.clone(), file.bytes))
    }

    /// Removes an uploaded file.
    pub(super) fn uploaded(&mut self, path: &LogFile) {
        if let Some(file) = self.take(path) {
            self.state.uploaded_files += 1;
            self.state.uploaded_events += file.events;
            (self.state.error, self.state.retry_seconds) = (None, None);
        }
    }

    /// Removes a file that cannot be read and returns the number of its events.
    pub(super) fn unreadable(&mut self, path: &LogFile) -> u64 {
        let events = self.take(path).map_or(0, |file| file.events);
        self.state.dropped.add(SpoolDropReason::Unreadable, events);
        events
    }

    /// Records the error of an upload and the delay before the next attempt.
    pub(super) fn failed(&mut self, error: &str, delay: Duration) {
        self.state.error = Some(error.into());
        self.state.retry_seconds = Some(delay.as_secs());
    }

    /// Removes the oldest file if it is too old or the spool is too large. Returns its path, its events and the reason.
    pub(super) fn drop_excess(&mut self, now: Instant) -> Option<(LogFile, u64, SpoolDropReason)> {
        let (path, file) = self.files.first_key_value()?;
        let reason = if now.saturating_duration_since(file.since) > self.keep_for {
            SpoolDropReason::Expired
        } else if self.state.bytes > self.keep_bytes {
            SpoolDropReason::SpoolFull
        } else {
            return None;
        };
        let path = path.clone();
        let events = self.take(&path).map_or(0, |file| file.events);
        self.state.dropped.add(reason, events);
        Some((path, events, reason))
    }

    pub(super) fn state(&self) -> SpoolState {
        let oldest = self.files.first_key_value().map(|(_, file)| file.since.elapsed().as_secs());
        SpoolState { oldest_seconds: oldest, ..self.state.clone() }
    }

    fn take(&mut self, path: &LogFile) -> Option<SpoolFile> {
        let file = self.files.remove(path)?;
        self.state.files -= 1;
        self.state.bytes -= file.bytes;
        self.state.events -= file.events;
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(sequence: u64) -> LogFile {
        LogFile::parse(&format!("date=2026-11-29/hour=10/web-{sequence:013}.parquet")).unwrap()
    }

    fn spool(keep_for: u64, keep_bytes: u64) -> SpoolFiles {
        SpoolFiles::new(&Spool { keep_for: Duration::from_secs(keep_for), keep_bytes, ..Spool::default() })
    }

    fn file(bytes: u64) -> SpoolFile {
        SpoolFile { bytes, events: 10, since: Instant::now() }
    }

    #[test]
    fn oldest_file_is_uploaded_first_and_dropped_beyond_the_size_limit() {
        let mut spool = spool(60, 100);
        for sequence in [3, 1, 2] {
            spool.add(path(sequence), file(50));
        }
        let dropped = spool.drop_excess(Instant::now());
        assert_eq!(dropped, Some((path(1), 10, SpoolDropReason::SpoolFull)));
        assert_eq!(spool.drop_excess(Instant::now()), None);
        assert_eq!(spool.oldest(), Some((path(2), 50)));
        spool.uploaded(&path(2));
        let state = spool.state();
        assert_eq!((state.files, state.bytes, state.events), (1, 50, 10));
        assert_eq!((state.uploaded_files, state.uploaded_events), (1, 10));
        assert_eq!(state.dropped.get(SpoolDropReason::SpoolFull), 10);
    }

    #[test]
    fn file_is_dropped_beyond_the_age_limit() {
        let mut spool = spool(60, 1000);
        spool.add(path(1), file(50));
        assert_eq!(spool.drop_excess(Instant::now() + Duration::from_secs(59)), None);
        let dropped = spool.drop_excess(Instant::now() + Duration::from_secs(61));
        assert_eq!(dropped, Some((path(1), 10, SpoolDropReason::Expired)));
        assert!(spool.is_empty());
    }
}
