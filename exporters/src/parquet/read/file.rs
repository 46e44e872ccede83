//! Reads one file.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Field, Schema};
use egret_model::{Event, Timestamp};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::schema::types::SchemaDescriptor;

use super::query::{Criterion, Query};
use super::source::Input;
use super::{ReadError, decode, prune};
use crate::names;
use crate::parquet::schema::{COLUMNS, Column, HOST_KEY, Kind, column_name};

/// Rows in a batch; as events they take about two megabytes.
const BATCH_ROWS: usize = 4096;

/// A file that is being read.
pub(super) struct FileReader {
    path: PathBuf,
    input: Input,
    reader: ParquetRecordBatchReader,
    /// The host whose events it has.
    host: Option<String>,
    /// Rows of the last batch that could not be decoded; reported after the batch.
    undecoded: usize,
}

impl std::fmt::Debug for FileReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileReader {
    /// Opens a file; `None` if no row can match, or if retention has removed the file.
    pub(super) fn open(path: PathBuf, input: Input, query: &Query) -> Result<Option<Self>, ReadError> {
        match reader(input.clone(), query) {
            Ok(reader) => Ok(reader.map(|(reader, host)| Self { path, input, reader, host, undecoded: 0 })),
            Err(_) if input.is_removed() => Ok(None),
            Err(error) => Err(ReadError::File { path, error }),
        }
    }

    /// The host in the metadata.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The next batch; `None` at the end, or if retention has removed the file.
    pub(super) fn batch(&mut self) -> Result<Option<Vec<Event>>, ReadError> {
        let rows = std::mem::take(&mut self.undecoded);
        if rows > 0 {
            return Err(ReadError::Rows { path: self.path.clone(), rows });
        }
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let unreadable = |error: ParquetError| ReadError::File { path: self.path.clone(), error };
        let batch = match batch {
            Err(_) if self.input.is_removed() => return Ok(None),
            batch => batch.map_err(|error| unreadable(error.into()))?,
        };
        let events = decode::events(&batch).map_err(unreadable)?;
        self.undecoded = batch.num_rows().saturating_sub(events.len());
        Ok(Some(events))
    }
}

/// The reader of a file, and its host.
fn reader(file: Input, query: &Query) -> Result<Option<(ParquetRecordBatchReader, Option<String>)>, ParquetError> {
    let metadata = metadata(&file)?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let host = pairs.into_iter().flatten().find(|pair| pair.key == HOST_KEY).and_then(|pair| pair.value.clone());
    let schema = metadata.parquet_schema();
    let known = |column: &String| metadata.schema().field_with_name(column).is_ok();
    if query.criteria.iter().any(|criterion| !criterion.columns().iter().any(known)) {
        // An older version without the column: no row can match.
        return Ok(None);
    }
    let known: Vec<String> = COLUMNS.iter().map(Column::name).filter(known).collect();
    let wanted = ProjectionMask::columns(schema, known.iter().map(String::as_str));
    let filter = filter(schema, query);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
    let groups = prune::row_groups(&builder, query)?;
    if groups.is_empty() {
        return Ok(None);
    }
    let builder = match prune::pages(&metadata, &groups, query)? {
        Some(selection) => builder.with_row_selection(selection),
        None => builder,
    };
    let builder = builder.with_row_groups(groups).with_projection(wanted).with_row_filter(filter);
    builder.with_batch_size(BATCH_ROWS).build().map(|reader| Some((reader, host)))
}

/// The metadata of a file, with the Arrow types that this version uses.
fn metadata(file: &Input) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let options = options.with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = ArrowReaderMetadata::load(file, options.clone())?;
    let fields: Vec<_> = metadata.schema().fields().iter().map(|field| expected(field)).collect::<Result<_, _>>()?;
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options.with_schema(Arc::new(Schema::new(fields))))
}

/// A field of a file with the Arrow type that this version uses.
fn expected(field: &Field) -> Result<Field, ParquetError> {
    let Some(column) = COLUMNS.iter().find(|column| column.name() == *field.name()) else { return Ok(field.clone()) };
    let (found, expected) = (field.data_type(), column.kind.data_type());
    let matches = match column.kind {
        // Dictionaries exist in memory only.
        Kind::Dictionary => *found == Kind::Utf8.data_type(),
        Kind::List => found.is_nested(),
        _ => *found == expected,
    };
    if !matches {
        return Err(ParquetError::General(format!("column {} is of type {found}, not {expected}", field.name())));
    }
    // Writers differ in the name of list elements, which does not matter.
    let data_type = if column.kind == Kind::List { found.clone() } else { expected };
    Ok(Field::new(field.name(), data_type, field.is_nullable()))
}

/// The conditions on rows, the cheapest one, on time, first.
fn filter(schema: &SchemaDescriptor, query: &Query) -> RowFilter {
    let mut conditions: Vec<Box<dyn ArrowPredicate>> = Vec::new();
    if !query.is_unbounded() {
        let time = column_name(names::TIMESTAMP);
        let (mask, query) = (ProjectionMask::columns(schema, [time.as_str()]), query.clone());
        conditions.push(Box::new(ArrowPredicateFn::new(mask, move |rows| Ok(in_time(&rows, &query)))));
    }
    for criterion in &query.criteria {
        conditions.push(condition(schema, criterion.clone()));
    }
    RowFilter::new(conditions)
}

fn condition(schema: &SchemaDescriptor, criterion: Criterion) -> Box<dyn ArrowPredicate> {
    let columns = criterion.columns();
    let mask = ProjectionMask::columns(schema, columns.iter().map(String::as_str));
    Box::new(ArrowPredicateFn::new(mask, move |rows| Ok(criterion.matches(&rows))))
}

fn in_time(rows: &RecordBatch, query: &Query) -> BooleanArray {
    let times = rows.columns().first().and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    let Some(times) = times else { return vec![false; rows.num_rows()].into() };
    times.iter().map(|time| Some(time.is_some_and(|time| query.contains(Timestamp(time))))).collect()
}
