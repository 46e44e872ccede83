//! The encodings of columns, chosen by their measured size (`docs/log.md` has the figures).

use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::names;
use crate::parquet::config::Settings;
use crate::parquet::schema::{EGRET_VERSION_KEY, HOST_KEY, SCHEMA_VERSION, SCHEMA_VERSION_KEY, column_name};

/// Maximum number of rows in a page, the smallest unit that is read. Rows are in order of time, so that a query for a minute reads
/// few pages.
const PAGE_ROWS: usize = 16_384;

/// Columns whose values mostly differ from row to row: a dictionary would be as long as the column.
const FIGURES: [(&str, Encoding); 9] = [
    (names::TIMESTAMP, Encoding::DELTA_BINARY_PACKED),
    (names::NETWORK_LOCAL_PORT, Encoding::BYTE_STREAM_SPLIT),
    (names::CONNECT_DURATION_NS, Encoding::BYTE_STREAM_SPLIT),
    (names::CONNECTION_DURATION_NS, Encoding::BYTE_STREAM_SPLIT),
    (names::BYTES_SENT, Encoding::BYTE_STREAM_SPLIT),
    (names::BYTES_RECEIVED, Encoding::BYTE_STREAM_SPLIT),
    (names::TCP_RTT_NS, Encoding::BYTE_STREAM_SPLIT),
    (names::VERDICT_DURATION_NS, Encoding::BYTE_STREAM_SPLIT),
    (names::CONNECTION_ID, Encoding::DELTA_BYTE_ARRAY),
];

/// Columns with bloom filters: queries look for single values, which few row groups contain.
const FILTERED: [&str; 3] = [names::PROCESS_EXECUTABLE_PATH, names::NETWORK_PEER_ADDRESS, names::SERVER_ADDRESS];

/// False positive probability of a bloom filter.
const FALSE_POSITIVES: f64 = 0.01;

/// Columns without statistics: minimum and maximum are of no use to queries.
const UNORDERED: [&str; 3] = [names::CONNECTION_ID, names::PROCESS_EXECUTABLE_SHA256, names::CONTAINER_ID];

/// The options of the file writer.
pub(crate) fn options(settings: &Settings) -> Result<ArrowWriterOptions, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(settings.zstd_level)?))
        .set_max_row_group_row_count(Some(settings.row_group_rows.max(1)))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_created_by(concat!("egret version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata(settings)));
    let properties = FIGURES.into_iter().fold(properties, |properties, (attribute, encoding)| {
        properties.set_column_dictionary_enabled(path(attribute), false).set_column_encoding(path(attribute), encoding)
    });
    // The maximum; the writer folds the filters to the actual size.
    let distinct = u64::try_from(settings.row_group_rows.max(1)).unwrap_or(u64::MAX);
    let properties = FILTERED.into_iter().fold(properties, |properties, attribute| {
        properties
            .set_column_bloom_filter_fpp(path(attribute), FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(path(attribute), distinct)
    });
    let properties = UNORDERED.into_iter().fold(properties, |properties, attribute| {
        properties.set_column_statistics_enabled(path(attribute), EnabledStatistics::None)
    });
    // Without the Arrow schema in the metadata, readers use the types of the Parquet schema. With it, some readers would turn
    // dictionary columns into categories, which differ from file to file.
    Ok(ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true))
}

fn path(attribute: &str) -> ColumnPath {
    ColumnPath::new(vec![column_name(attribute)])
}

fn metadata(settings: &Settings) -> Vec<KeyValue> {
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    vec![
        entry(SCHEMA_VERSION_KEY, SCHEMA_VERSION.to_string()),
        entry(EGRET_VERSION_KEY, env!("CARGO_PKG_VERSION").to_owned()),
        entry(HOST_KEY, settings.host.clone()),
    ]
}
