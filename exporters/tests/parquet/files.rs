//! Creation, rotation and recovery of files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use egret_exporters::parquet::{Destination, Sink};
use egret_exporters::sink::DropReason;

use crate::log::{HOUR, Log, TEN_AT_NIGHT, batch, numbered};
use crate::running::until;

const DIRECTORY: &str = "date=2023-11-14/hour=22";

#[test]
fn file_path_has_host_and_hour() {
    let log = Log::new();
    log.write(numbered(0..10));
    let files = log.files();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let name = file.strip_prefix(&format!("{DIRECTORY}/")).unwrap();
    let sequence = name.strip_prefix("web-1-").and_then(|rest| rest.strip_suffix(".parquet")).unwrap();
    assert_eq!(sequence.len(), 13);
    assert!(sequence.parse::<u64>().is_ok());
}

#[test]
fn files_are_not_readable_by_others() {
    let log = Log::new();
    log.write(numbered(0..10));
    let mode = |path: &str| fs::metadata(log.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("date=2023-11-14"), 0o750);
    assert_eq!(mode(DIRECTORY), 0o750);
    assert!(log.files().iter().all(|file| mode(file) == 0o640));
}

#[test]
fn no_file_is_created_without_events() {
    let mut log = Log::new();
    log.settings.rotate_after = Duration::from_millis(1);
    log.write(Vec::new());
    assert!(log.files().is_empty());
}

#[test]
fn file_is_finished_after_the_rotation_interval() {
    let mut log = Log::new();
    log.settings.rotate_after = Duration::from_millis(50);
    let sink = log.start();
    sink.offer(&batch(0..10));
    assert_eq!(sink.settle().sent, 10);
    assert_eq!(log.numbers(), (0..10).collect::<Vec<_>>());
    sink.offer(&batch(10..20));
    assert_eq!(sink.settle().sent, 20);
    assert_eq!(log.files().len(), 2);
    assert_eq!(log.numbers(), (0..20).collect::<Vec<_>>());
    assert_eq!(sink.finish().dropped.total(), 0);
}

#[test]
fn file_is_finished_at_its_maximum_size() {
    let mut log = Log::new();
    log.settings.rotate_bytes = 20_000;
    let sink = log.start();
    for turn in 0..20 {
        sink.offer(&batch(turn * 100..turn * 100 + 100));
    }
    assert_eq!(sink.finish().sent, 2_000);
    assert_eq!(log.numbers(), (0..2_000).collect::<Vec<_>>());
    assert!(log.files().len() > 1, "{:?}", log.files());
}

#[test]
fn events_are_sent_once_their_file_is_visible() {
    let log = Log::new();
    let sink = log.start();
    sink.offer(&batch(0..10));
    until("the sink to take its events", || log.files().is_empty() && sink.ledger().account().queued == 10);
    assert_eq!(sink.ledger().account().sent, 0);
    assert_eq!(sink.finish().sent, 10);
}

/// The last events of an hour may arrive after the first ones of the next.
#[test]
fn events_out_of_order_between_two_hours_use_two_files() {
    let log = Log::new();
    let mut events = numbered(0..1_000);
    for (number, event) in events.iter_mut().enumerate() {
        event.time.0 = TEN_AT_NIGHT.0 + i64::try_from(number % 2).unwrap() * HOUR;
    }
    assert_eq!(log.write(events).sent, 1_000);
    assert_eq!(log.files().len(), 2);
}

#[test]
fn sequence_numbers_grow_over_restarts_and_clock_changes() {
    let log = Log::new();
    let late = format!("{DIRECTORY}/web-1-9999999999000.parquet");
    log.write(numbered(0..10));
    fs::rename(log.path().join(&log.files()[0]), log.path().join(&late)).unwrap();
    log.write(numbered(10..20));
    assert_eq!(log.files(), [late, format!("{DIRECTORY}/web-1-9999999999001.parquet")]);
    assert_eq!(log.numbers(), (0..20).collect::<Vec<_>>());
}

#[test]
fn unfinished_files_of_this_host_are_removed() {
    let log = Log::new();
    log.write(numbered(0..10));
    let whole = log.files();
    let stranger = format!("{DIRECTORY}/web-2-1700000000000.parquet#1");
    let note = format!("{DIRECTORY}/note#1");
    for file in [&format!("{DIRECTORY}/web-1-1700000000000.parquet#1"), &stranger, &note] {
        fs::write(log.path().join(file), "PAR1").unwrap();
    }
    log.write(Vec::new());
    assert_eq!(log.files(), [vec![note], whole, vec![stranger]].concat());
}

#[test]
fn directory_is_locked_for_one_writer_of_each_host() {
    let log = Log::new();
    let first = log.start();
    let error = Sink::new(&log.settings).err().unwrap().to_string();
    assert!(error.starts_with("another egret writes files of this host to "), "{error}");
    let other = egret_exporters::parquet::Settings { host: "web-2".into(), ..log.settings.clone() };
    assert!(Sink::new(&other).is_ok());
    first.finish();
    assert!(Sink::new(&log.settings).is_ok());
}

#[test]
fn unusable_destination_is_reported() {
    let log = Log::new();
    fs::write(log.path().join("file"), "").unwrap();
    let refused = |destination| {
        let settings = egret_exporters::parquet::Settings { destination, ..log.settings.clone() };
        Sink::new(&settings).err().unwrap().to_string()
    };
    let below = log.path().join("file/log");
    let error = refused(Destination::Directory(below.clone()));
    assert!(error.starts_with(&format!("cannot write to the directory {}: ", below.display())), "{error}");
    assert_eq!(refused(Destination::Bucket("gs://b/p".into())), "gs://b/p is not of the form s3://BUCKET/PREFIX");
    assert_eq!(refused(Destination::Bucket("s3:///p".into())), "s3:///p is not of the form s3://BUCKET/PREFIX");
}

/// The directory is removed, and created again with the next file.
#[test]
fn removed_directory_is_created_again() {
    let log = Log::new();
    let sink = log.start();
    fs::remove_dir_all(log.path()).unwrap();
    sink.offer(&batch(0..10));
    assert_eq!(sink.finish().sent, 10);
    assert_eq!(log.numbers(), (0..10).collect::<Vec<_>>());
}

/// A file is in the place of the directory of the hour: the events of that file are lost and counted, the next file
/// is written.
#[test]
fn failed_file_drops_only_its_own_events() {
    let mut log = Log::new();
    log.settings.rotate_after = Duration::from_millis(20);
    let obstacle: PathBuf = log.path().join("date=2023-11-14");
    fs::write(&obstacle, "").unwrap();
    let sink = log.start();
    sink.offer(&batch(0..10));
    let account = sink.settle();
    assert_eq!((account.sent, account.dropped.get(DropReason::WriteFailed)), (0, 10));
    fs::remove_file(&obstacle).unwrap();
    sink.offer(&batch(10..20));
    assert_eq!(sink.settle().sent, 10);
    assert_eq!(sink.finish().dropped.total(), 10);
    assert_eq!(log.numbers(), (10..20).collect::<Vec<_>>());
}

/// At the drain timeout the file is complete or missing, and it has the events that count as sent.
#[test]
fn abandoned_sink_leaves_no_incomplete_file() {
    let log = Log::new();
    let sink = log.start();
    sink.offer(&batch(0..3_000));
    let account = sink.abandon();
    assert_eq!(account.sent + account.dropped.get(DropReason::Shutdown), 3_000);
    let found = log.numbers();
    assert!(found.is_empty() || found == (0..3_000).collect::<Vec<_>>(), "{} events", found.len());
    assert!(account.sent == 0 || found.len() == 3_000, "{account:?}");
}
