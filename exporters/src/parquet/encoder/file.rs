//! The file that is being written.

use std::io;
use std::sync::Arc;

use egret_model::{Arguments, Event};
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use tokio::time::Instant;

use super::{BATCH_ROWS, Rows};
use crate::parquet::client::Store;
use crate::parquet::layout::Hour;
use crate::parquet::schema::SCHEMA;

/// Estimated size of a row that is not encoded yet, bytes.
const ROW_ESTIMATE: usize = 16;

/// A file that is being written.
///
/// It takes about a megabyte for a batch of rows, a few megabytes for the row group being encoded, and one part being stored.
pub(crate) struct OpenFile {
    /// The hour of its events.
    pub(crate) hour: Hour,
    /// Its final path, below the root of the log.
    pub(crate) path: String,
    /// When its first event was added.
    pub(crate) opened: Instant,
    /// Events added.
    pub(crate) events: u64,
    rows: Rows,
    writer: AsyncArrowWriter<BufWriter>,
}

impl OpenFile {
    pub(crate) fn create(
        store: &Store,
        options: ArrowWriterOptions,
        hour: Hour,
        path: String,
        arguments: Arguments,
    ) -> Result<Self, ParquetError> {
        let upload = BufWriter::with_capacity(Arc::clone(&store.objects), store.path(&path), store.part_bytes);
        // One part at a time: more would take memory and not speed up a disk.
        let upload = upload.with_max_concurrency(1);
        let writer = AsyncArrowWriter::try_new_with_options(upload, Arc::clone(&SCHEMA), options)?;
        Ok(Self { hour, path, opened: Instant::now(), events: 0, rows: Rows::new(arguments), writer })
    }

    /// Adds a row that merges `events` events. Returns whether the batch is full and [`Self::encode`] is due.
    pub(crate) fn push(&mut self, event: &Event, events: u64) -> bool {
        self.rows.push(event);
        self.events += events;
        self.rows.len() >= BATCH_ROWS
    }

    /// Encodes the batch and stores complete parts.
    pub(crate) async fn encode(&mut self, store: &Store) -> Result<(), WriteError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let rows = self.rows.finish()?;
        store.create_parent(&self.path)?;
        Ok(self.writer.write(&rows).await?)
    }

    /// The approximate size so far.
    pub(crate) fn bytes(&self) -> u64 {
        let encoded = self.writer.bytes_written() + self.writer.in_progress_size();
        u64::try_from(encoded + self.rows.len() * ROW_ESTIMATE).unwrap_or(u64::MAX)
    }

    /// Finishes the file, which makes it visible to readers, and returns its size.
    pub(crate) async fn finish(&mut self, store: &Store) -> Result<u64, WriteError> {
        self.encode(store).await?;
        store.create_parent(&self.path)?;
        self.writer.finish().await?;
        if let Err(error) = store.set_permissions(&self.path) {
            // The file is complete all the same.
            tracing::warn!(file = %self.path, %error, "cannot set the permissions of a parquet file");
        }
        Ok(u64::try_from(self.writer.bytes_written()).unwrap_or(u64::MAX))
    }
}

/// Why a file could not be finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("cannot put events into columns: {0}")]
    Columns(#[from] arrow_schema::ArrowError),
    #[error(transparent)]
    File(#[from] ParquetError),
    #[error("cannot make its directory: {0}")]
    Directory(#[from] io::Error),
}
