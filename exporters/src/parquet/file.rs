//! A file that is being written.

use std::sync::Arc;

use egret_model::Event;
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use tokio::time::Instant;

use super::error::WriteError;
use super::layout::Hour;
use super::rows::{BATCH_ROWS, Rows};
use super::schema::SCHEMA;
use super::store::Store;

/// What a row usually takes, bytes; for those that are not encoded yet.
const USUAL_ROW: usize = 16;

/// A file that is being written.
///
/// It takes about a megabyte for the rows of a batch, a row group as it is encoded (a few megabytes), and a part on its
/// way.
pub(super) struct File {
    /// The hour of its events.
    pub(super) hour: Hour,
    /// Where it will be.
    pub(super) place: String,
    /// When its first event came.
    pub(super) begun: Instant,
    /// Events taken.
    pub(super) events: u64,
    rows: Rows,
    writer: AsyncArrowWriter<BufWriter>,
}

impl File {
    pub(super) fn begin(
        store: &Store,
        options: ArrowWriterOptions,
        hour: Hour,
        place: String,
    ) -> Result<Self, ParquetError> {
        let path = store.path(&place);
        let upload = BufWriter::with_capacity(Arc::clone(&store.objects), path, store.part_bytes);
        // One part at a time: a disk gains nothing from more, and each would take its memory.
        let upload = upload.with_max_concurrency(1);
        let writer = AsyncArrowWriter::try_new_with_options(upload, Arc::clone(&SCHEMA), options)?;
        Ok(Self { hour, place, begun: Instant::now(), events: 0, rows: Rows::default(), writer })
    }

    /// Takes an event that stands for so many; says whether it is time to [`Self::encode`].
    pub(super) fn push(&mut self, event: &Event, events: u64) -> bool {
        self.rows.push(event);
        self.events += events;
        self.rows.len() >= BATCH_ROWS
    }

    /// Encodes what was gathered; stores what is a whole part.
    pub(super) async fn encode(&mut self, store: &Store) -> Result<(), WriteError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let rows = self.rows.finish()?;
        store.prepare(&self.place)?;
        Ok(self.writer.write(&rows).await?)
    }

    /// About how large it is so far.
    pub(super) fn bytes(&self) -> u64 {
        let encoded = self.writer.bytes_written() + self.writer.in_progress_size();
        u64::try_from(encoded + self.rows.len() * USUAL_ROW).unwrap_or(u64::MAX)
    }

    /// Ends the file: from now on readers see it, whole. Says how large it is.
    pub(super) async fn finish(&mut self, store: &Store) -> Result<u64, WriteError> {
        self.encode(store).await?;
        store.prepare(&self.place)?;
        self.writer.finish().await?;
        if let Err(error) = store.published(&self.place) {
            // It is there all the same.
            tracing::warn!(file = %self.place, %error, "cannot set the permissions of a parquet file");
        }
        Ok(u64::try_from(self.writer.bytes_written()).unwrap_or(u64::MAX))
    }
}
