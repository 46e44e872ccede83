//! Logs the outages of a bucket and lost files, at a limited rate.

use std::time::Duration;

use object_store::Error;
use tokio::time::Instant;

use super::bucket;
use crate::sink::{RateLimit, SpoolDropReason, SpoolState};

/// Interval between two messages about an outage.
const INTERVAL: Duration = Duration::from_secs(600);

/// An outage of the bucket and its messages.
#[derive(Debug)]
pub(super) struct Outage {
    since: Option<Instant>,
    failures: RateLimit,
    retention: RateLimit,
    dropped: LostFiles,
}

impl Default for Outage {
    fn default() -> Self {
        Self {
            since: None,
            failures: RateLimit::new(INTERVAL),
            retention: RateLimit::new(INTERVAL),
            dropped: LostFiles::new(INTERVAL),
        }
    }
}

impl Outage {
    pub(super) fn upload_failed(&mut self, error: &Error, spool: SpoolState) {
        self.since.get_or_insert_with(Instant::now);
        if !self.failures.allows() {
            return;
        }
        let hint = hint(error).unwrap_or("the upload is retried until parquet.spool_keep_for is over");
        let (files, bytes) = (spool.files, spool.bytes);
        let error = one_line(error);
        tracing::warn!(%error, files, bytes, "cannot upload files to the bucket, they wait in parquet.spool: {hint}");
    }

    pub(super) fn upload_succeeded(&mut self) {
        self.failures.reset();
        if let Some(since) = self.since.take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "files are uploaded to the bucket again");
        }
    }

    /// A file left the spool without having been uploaded.
    pub(super) fn dropped(&mut self, file: &str, events: u64, reason: SpoolDropReason) {
        let Some((files, other_events)) = self.dropped.add(events) else { return };
        let reason = reason.as_str();
        tracing::error!(file, events, reason, "a file is dropped from the spool, its events are lost");
        if files > 0 {
            tracing::error!(files, events = other_events, "files before this were dropped from the spool too");
        }
    }

    pub(super) fn retention_failed(&mut self, error: &Error) {
        if self.retention.allows() {
            tracing::warn!(error = %one_line(error), "cannot remove old parquet files from the bucket");
        }
    }
}

/// Counts lost files between two messages about them: an outage may lose every file.
#[derive(Debug)]
pub(crate) struct LostFiles {
    limit: RateLimit,
    files: u64,
    events: u64,
}

impl LostFiles {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { limit: RateLimit::new(interval), files: 0, events: 0 }
    }

    /// Adds a lost file with its events. If it may be logged, returns the files and events since the last message.
    pub(crate) fn add(&mut self, events: u64) -> Option<(u64, u64)> {
        if self.limit.allows() {
            return Some((std::mem::take(&mut self.files), std::mem::take(&mut self.events)));
        }
        self.files += 1;
        self.events += events;
        None
    }
}

/// An error with a hint, on one line.
pub(super) fn describe(error: &Error) -> String {
    let line = one_line(error);
    hint(error).map_or_else(|| line.clone(), |hint| format!("{hint} ({line})"))
}

/// The message of an error; stores include XML documents in theirs.
fn one_line(error: &Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The remedy for an error that a retry does not solve.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        _ if bucket::lacks_credentials(error) => Some(bucket::NO_CREDENTIALS),
        Error::Unauthenticated { .. } => Some("check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        Error::PermissionDenied { .. } => Some("the credentials may not write to this bucket"),
        Error::NotFound { .. } => Some("there is no such bucket; check parquet.destination"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_described_on_one_line_with_a_hint() {
        let source = "<?xml version=\"1.0\"?>\n  <Error>\n<Code>NoSuchBucket</Code></Error>\n";
        let absent = Error::NotFound { path: "a".to_owned(), source: source.into() };
        let text = describe(&absent);
        assert!(text.starts_with("there is no such bucket; check parquet.destination ("), "{text}");
        assert!(text.contains("</Code></Error>") && !text.contains('\n'), "{text}");
        let other = Error::Generic { store: "S3", source: "connection\nrefused".into() };
        assert_eq!(describe(&other), "Generic S3 error: connection refused");
        let credentials = "Error performing PUT http://169.254.169.254/latest/api/token in 2s";
        let text = describe(&Error::Generic { store: "S3", source: credentials.into() });
        assert!(text.starts_with("no AWS credentials: set AWS_ACCESS_KEY_ID"), "{text}");
    }
}
