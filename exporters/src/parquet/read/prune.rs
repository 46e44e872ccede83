//! Selects the row groups and pages that may match a query, by their statistics and bloom filters.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use egret_model::Timestamp;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::errors::ParquetError;

use super::query::{Criterion, Query};
use super::source::Input;
use crate::names;
use crate::parquet::schema::column_name;

/// The row groups that may have matching rows.
pub(super) fn row_groups(
    file: &ParquetRecordBatchReaderBuilder<Input>,
    query: &Query,
) -> Result<Vec<usize>, ParquetError> {
    let name = column_name(names::TIMESTAMP);
    let groups = file.metadata().row_groups();
    let times = StatisticsConverter::try_new(&name, file.schema(), file.parquet_schema())?;
    let (least, greatest) = (times.row_group_mins(groups)?, times.row_group_maxes(groups)?);
    let mut selected = Vec::new();
    for group in 0..groups.len() {
        if may_overlap(query, &least, &greatest, group) && may_match_all(file, group, query)? {
            selected.push(group);
        }
    }
    Ok(selected)
}

/// Whether the times of a part overlap with the query. Missing statistics overlap.
fn may_overlap(query: &Query, least: &ArrayRef, greatest: &ArrayRef, part: usize) -> bool {
    let bound = |bounds: &ArrayRef| {
        let bounds = bounds.as_primitive_opt::<TimestampNanosecondType>()?;
        bounds.iter().nth(part).flatten()
    };
    let begin = bound(least).unwrap_or(i64::MIN);
    let end = bound(greatest).map_or(i64::MAX, |last| last.saturating_add(1));
    query.overlaps(Timestamp(begin), Timestamp(end))
}

/// Whether a row group may match all criteria, by its bloom filters.
fn may_match_all(
    file: &ParquetRecordBatchReaderBuilder<Input>,
    group: usize,
    query: &Query,
) -> Result<bool, ParquetError> {
    for criterion in &query.criteria {
        if !may_match(file, group, criterion)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn may_match(
    file: &ParquetRecordBatchReaderBuilder<Input>,
    group: usize,
    criterion: &Criterion,
) -> Result<bool, ParquetError> {
    let Criterion::Text { attribute, exactly: Some(strings), .. } = criterion else { return Ok(true) };
    let name = column_name(attribute);
    let Some(column) = file.parquet_schema().columns().iter().position(|column| column.name() == name) else {
        return Ok(true);
    };
    let filter = file.get_row_group_column_bloom_filter(group, column)?;
    Ok(filter.is_none_or(|filter| strings.iter().any(|string| filter.check(string.as_str()))))
}

/// The rows of the row groups in pages that overlap with the query; `None` for all of them.
pub(super) fn pages(
    file: &ArrowReaderMetadata,
    groups: &[usize],
    query: &Query,
) -> Result<Option<RowSelection>, ParquetError> {
    let name = column_name(names::TIMESTAMP);
    let metadata = file.metadata();
    let Some(index) = metadata.page_index().map(|index| &**index).filter(|_| !query.is_unbounded()) else {
        return Ok(None);
    };
    let times = StatisticsConverter::try_new(&name, file.schema(), file.parquet_schema())?;
    let (least, greatest) = (times.data_page_mins(index, groups)?, times.data_page_maxes(index, groups)?);
    let Some(counts) = times.data_page_row_counts(index, metadata.row_groups(), groups)? else { return Ok(None) };
    let mut selectors = Vec::with_capacity(counts.len());
    for (page, rows) in counts.iter().enumerate() {
        let Some(rows) = rows.and_then(|rows| usize::try_from(rows).ok()) else { return Ok(None) };
        let selected = may_overlap(query, &least, &greatest, page);
        selectors.push(if selected { RowSelector::select(rows) } else { RowSelector::skip(rows) });
    }
    Ok(Some(selectors.into()))
}
