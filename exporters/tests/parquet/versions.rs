//! Files of other versions, and files that are not Parquet.

use std::fs::{self, File};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use egret_exporters::names;
use egret_exporters::parquet::read::{self, Criterion, Query, ReadError};
use egret_exporters::parquet::schema;
use egret_model::{Cgroup, Event, Executable, NamedBy, Origin};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::log::{Log, TEN_AT_NIGHT, lines, numbered};

/// Writes a file with these columns as a log file.
fn foreign(log: &Log, columns: Vec<(&str, ArrayRef)>) {
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let directory = log.path().join("date=2023-11-14/hour=22");
    fs::create_dir_all(&directory).unwrap();
    let file = File::create(directory.join("web-1-1600000000000.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn times(count: usize) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(vec![TEN_AT_NIGHT.0; count]).with_timezone("UTC"))
}

#[test]
fn file_has_its_metadata() {
    let log = Log::new();
    log.write(numbered(0..10));
    let file = SerializedFileReader::new(File::open(log.path().join(&log.files()[0])).unwrap()).unwrap();
    let metadata = file.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| metadata.iter().find(|entry| entry.key == key).unwrap().value.clone().unwrap();
    assert_eq!(value(schema::SCHEMA_VERSION_KEY), schema::SCHEMA_VERSION.to_string());
    assert_eq!(value(schema::EGRET_VERSION_KEY), env!("CARGO_PKG_VERSION"));
    assert_eq!(value(schema::HOST_KEY), "web-1");
    let columns = file.metadata().file_metadata().schema().get_fields();
    let names: Vec<_> = columns.iter().map(|column| column.name().to_owned()).collect();
    assert_eq!(names, names::ALL.map(schema::column_name));
}

/// An older version had fewer columns, a newer one has more.
#[test]
fn missing_and_additional_columns_are_accepted() {
    let log = Log::new();
    foreign(
        &log,
        vec![
            ("connection_id", strings(&["1-1"])),
            ("timestamp", times(1)),
            ("event_name", strings(&["listen"])),
            ("egret_capture", strings(&["sockets"])),
            ("egret_future", Arc::new(Int64Array::from(vec![7]))),
        ],
    );
    let found = log.find(Query::default());
    let [event] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((event.id.socket, event.name.as_str()), (1, "listen"));
    assert!(event.process.is_none() && event.transport.is_none() && event.bytes_sent.is_none());
    let criteria = vec![Criterion::one_of(names::PROCESS_EXECUTABLE_NAME, vec!["curl".into()])];
    assert!(log.find(Query { criteria, ..Query::default() }).is_empty());
}

/// Columns of the first version of the schema.
const COLUMNS_OF_1: usize = 35;

/// Rewrites a file without the columns of evaluations, as an older version wrote it.
fn made_older(path: &std::path::Path) {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let first: Vec<usize> = (0..COLUMNS_OF_1).collect();
    let batches: Vec<_> = reader.map(|batch| batch.unwrap().project(&first).unwrap()).collect();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batches.first().unwrap().schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

#[test]
fn files_of_version_one_and_of_this_version_are_read() {
    let log = Log::new();
    log.write(numbered(0..10));
    made_older(&log.path().join(&log.files()[0]));
    log.write(numbered(10..20));
    let older = numbered(0..10).into_iter().map(of_first_version);
    let all: Vec<_> = older.chain(numbered(10..20)).collect();
    assert_eq!(lines(&log.find(Query::default())), lines(&all));
    let reason = Criterion::one_of(names::VERDICT_REASON, vec!["rule".into()]);
    let found = log.find(Query { criteria: vec![reason], ..Query::default() });
    assert_eq!(lines(&found), lines(&all[10..]));
}

/// An event with the values that the first version has.
fn of_first_version(mut event: Event) -> Event {
    if let Some(process) = &mut event.process {
        let Executable { path, args, sha256, .. } = &*process.executable;
        let (path, args, sha256) = (path.clone(), Arc::clone(args), sha256.clone());
        let process = Arc::make_mut(process);
        let in_container = process.cgroup.as_deref().is_some_and(|group| group.container.is_some());
        let origin = Origin::from_old_record(in_container);
        process.executable = Arc::new(Executable { path, args, sha256, origin, ..Executable::default() });
        let unnamed = process.cgroup.as_deref().map(|group| Cgroup {
            details: OnceLock::new(),
            unit_named_by: NamedBy::Unknown,
            container_named_by: NamedBy::Unknown,
            ..group.clone()
        });
        process.cgroup = unnamed.map(Arc::new);
    }
    if let Some(server) = &mut event.server {
        server.unverified = false;
    }
    let (bytes_sent_delta, bytes_received_delta) = (None, None);
    let peer = event.peer.without_interface();
    let event = Event { peer, bytes_sent_delta, bytes_received_delta, ..event };
    Event { evaluation: None, namespace: None, outstanding: false, ..event }
}

#[test]
fn undecodable_rows_are_reported() {
    let log = Log::new();
    foreign(
        &log,
        vec![
            ("connection_id", strings(&["1-1", "2-1"])),
            ("timestamp", times(2)),
            ("event_name", strings(&["connection.judged", "listen"])),
            ("egret_capture", strings(&["sockets", "sockets"])),
        ],
    );
    let mut read = read::Log::open(log.path(), Query::default()).unwrap();
    let events = read.next().unwrap().unwrap();
    assert_eq!(events.iter().map(|event| event.id.socket).collect::<Vec<_>>(), [2]);
    assert!(matches!(read.next(), Some(Err(ReadError::Rows { rows: 1, .. }))));
    assert!(read.next().is_none());
}

#[test]
fn column_of_another_type_is_reported() {
    let log = Log::new();
    foreign(&log, vec![("timestamp", Arc::new(Int64Array::from(vec![1])))]);
    let error = read::Log::open(log.path(), Query::default()).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("web-1-1600000000000.parquet: "), "{error}");
    assert!(error.contains("column timestamp is of type Int64"), "{error}");
}

#[test]
fn damaged_file_is_reported_and_others_are_read() {
    let log = Log::new();
    log.write(numbered(0..10));
    log.write(numbered(10..20));
    log.write(numbered(20..30));
    let file = log.path().join(&log.files()[1]);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (mut numbers, mut errors) = (Vec::new(), Vec::new());
    let mut read = read::Log::open(log.path(), Query::default()).unwrap();
    while let Some(batch) = read.next() {
        match batch {
            Ok(events) => {
                assert_eq!(read.host(), Some("web-1"));
                numbers.extend(events.iter().map(|event| event.id.socket));
            }
            Err(error) => {
                let (from, to, rows) = error.missed().unwrap();
                assert!(from <= TEN_AT_NIGHT && TEN_AT_NIGHT < to && rows == 0, "{from:?} {to:?} {rows}");
                errors.push(error.to_string());
            }
        }
    }
    assert_eq!(read.progress(), (1, 1));
    assert_eq!(numbers, (0..10).chain(20..30).collect::<Vec<_>>());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains(file.to_str().unwrap()), "{errors:?}");
}
