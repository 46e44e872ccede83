//! Says that a bucket does not take files, and not too often.

use std::time::Duration;

use object_store::Error;
use tokio::time::Instant;

use crate::sink::{SpoolDrop, SpoolState};

/// An outage is mentioned again after this time.
const INTERVAL: Duration = Duration::from_secs(600);

/// An outage, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    since: Option<Instant>,
    said: Option<Instant>,
    retention_said: Option<Instant>,
    dropped_said: Option<Instant>,
    unsaid: (u64, u64),
}

impl Trouble {
    /// Whether trying again soon is of no use: somebody has to change something.
    pub(super) fn is_final(&self, error: &Error) -> bool {
        hint(error).is_some()
    }

    /// An upload failed.
    pub(super) fn tell(&mut self, error: &Error, spool: SpoolState) {
        self.since.get_or_insert_with(Instant::now);
        if !is_due(&mut self.said) {
            return;
        }
        let hint = hint(error).unwrap_or("it is tried again until parquet.spool_keep_for is over");
        let (files, bytes) = (spool.files, spool.bytes);
        tracing::warn!(%error, files, bytes, "the bucket does not take files, they wait in parquet.spool: {hint}");
    }

    /// An upload succeeded.
    pub(super) fn over(&mut self) {
        self.said = None;
        if let Some(since) = self.since.take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "the bucket takes files again");
        }
    }

    /// A file left the spool without having been uploaded.
    pub(super) fn dropped(&mut self, file: &str, events: u64, reason: SpoolDrop) {
        if !is_due(&mut self.dropped_said) {
            self.unsaid = (self.unsaid.0 + 1, self.unsaid.1 + events);
            return;
        }
        let reason = reason.as_str();
        tracing::error!(file, events, reason, "a file is dropped from the spool, its events are lost");
        let (files, events) = std::mem::take(&mut self.unsaid);
        if files > 0 {
            tracing::error!(files, events, "files before this were dropped from the spool too");
        }
    }

    /// Old files in the bucket could not be removed.
    pub(super) fn retention(&mut self, error: &Error) {
        if is_due(&mut self.retention_said) {
            tracing::warn!(%error, "cannot look after old parquet files in the bucket");
        }
    }
}

fn is_due(said: &mut Option<Instant>) -> bool {
    let due = said.is_none_or(|said| said.elapsed() >= INTERVAL);
    if due {
        *said = Some(Instant::now());
    }
    due
}

/// What to do about an error that does not go away by itself.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Unauthenticated { .. } => Some("check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        Error::PermissionDenied { .. } => Some("the credentials may not write to this bucket"),
        Error::NotFound { .. } => Some("there is no such bucket; check parquet.destination"),
        _ => None,
    }
}
