//! Says that files cannot be written, and not too often.

use std::time::Duration;

use tokio::time::Instant;

use super::error::WriteError;

/// A full disk fails every file: one line in this time is enough.
const INTERVAL: Duration = Duration::from_secs(10);

/// Says that files cannot be written.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    last: Option<Instant>,
    /// Files and events that were not spoken of.
    untold: (u64, u64),
}

impl Complaint {
    pub(super) fn make(&mut self, file: &str, events: u64, error: &WriteError) {
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            self.untold.0 += 1;
            self.untold.1 += events;
            return;
        }
        let (files, others) = std::mem::take(&mut self.untold);
        tracing::error!(file, events, %error, "cannot write parquet file, its events are lost");
        if files > 0 {
            tracing::error!(files, events = others, "parquet files before this could not be written either");
        }
        self.last = Some(Instant::now());
    }
}
