//! When files begin and end, and what is left of those that did not.

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
fn a_file_has_its_host_in_its_name_and_lies_in_its_hour() {
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
fn others_may_not_look() {
    let log = Log::new();
    log.write(numbered(0..10));
    let mode = |path: &str| fs::metadata(log.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("date=2023-11-14"), 0o750);
    assert_eq!(mode(DIRECTORY), 0o750);
    assert!(log.files().iter().all(|file| mode(file) == 0o640));
}

#[test]
fn without_events_there_is_no_file() {
    let mut log = Log::new();
    log.settings.rotate_after = Duration::from_millis(1);
    log.write(Vec::new());
    assert!(log.files().is_empty());
}

#[test]
fn a_file_is_finished_after_its_time_though_nothing_more_comes() {
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
fn a_file_is_finished_when_it_is_large() {
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
fn nothing_counts_as_sent_before_readers_see_it() {
    let log = Log::new();
    let sink = log.start();
    sink.offer(&batch(0..10));
    until("the sink to take its events", || log.files().is_empty() && sink.ledger().account().queued == 10);
    assert_eq!(sink.ledger().account().sent, 0);
    assert_eq!(sink.finish().sent, 10);
}

/// The last events of an hour may come after the first of the next.
#[test]
fn events_out_of_order_at_the_turn_of_an_hour_make_no_more_files() {
    let log = Log::new();
    let mut events = numbered(0..1_000);
    for (number, event) in events.iter_mut().enumerate() {
        event.time.0 = TEN_AT_NIGHT.0 + i64::try_from(number % 2).unwrap() * HOUR;
    }
    assert_eq!(log.write(events).sent, 1_000);
    assert_eq!(log.files().len(), 2);
}

#[test]
fn names_keep_growing_over_restarts_also_when_the_clock_was_set_back() {
    let log = Log::new();
    let late = format!("{DIRECTORY}/web-1-9999999999000.parquet");
    log.write(numbered(0..10));
    fs::rename(log.path().join(&log.files()[0]), log.path().join(&late)).unwrap();
    log.write(numbered(10..20));
    assert_eq!(log.files(), [late, format!("{DIRECTORY}/web-1-9999999999001.parquet")]);
    assert_eq!(log.numbers(), (0..20).collect::<Vec<_>>());
}

#[test]
fn what_a_killed_egret_left_is_removed_but_nothing_of_others() {
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
fn a_directory_has_one_writer_for_each_host() {
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
fn a_destination_that_cannot_be_is_named() {
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

/// The directory is removed, and comes back with the next file.
#[test]
fn a_removed_directory_is_made_again() {
    let log = Log::new();
    let sink = log.start();
    fs::remove_dir_all(log.path()).unwrap();
    sink.offer(&batch(0..10));
    assert_eq!(sink.finish().sent, 10);
    assert_eq!(log.numbers(), (0..10).collect::<Vec<_>>());
}

/// A file stands where the directory of the hour should be: the events of that file are lost and counted, the next file
/// is written.
#[test]
fn a_file_that_cannot_be_written_costs_its_own_events_alone() {
    let mut log = Log::new();
    log.settings.rotate_after = Duration::from_millis(20);
    let obstacle: PathBuf = log.path().join("date=2023-11-14");
    fs::write(&obstacle, "").unwrap();
    let sink = log.start();
    sink.offer(&batch(0..10));
    let account = sink.settle();
    assert_eq!((account.sent, account.dropped.of(DropReason::WriteFailed)), (0, 10));
    fs::remove_file(&obstacle).unwrap();
    sink.offer(&batch(10..20));
    assert_eq!(sink.settle().sent, 10);
    assert_eq!(sink.finish().dropped.total(), 10);
    assert_eq!(log.numbers(), (10..20).collect::<Vec<_>>());
}

/// The time to drain is over: the file is there as a whole or not at all, and what counts as sent is there.
#[test]
fn a_sink_that_is_abandoned_leaves_no_torn_file() {
    let log = Log::new();
    let sink = log.start();
    sink.offer(&batch(0..3_000));
    let account = sink.abandon();
    assert_eq!(account.sent + account.dropped.of(DropReason::Shutdown), 3_000);
    let found = log.numbers();
    assert!(found.is_empty() || found == (0..3_000).collect::<Vec<_>>(), "{} events", found.len());
    assert!(account.sent == 0 || found.len() == 3_000, "{account:?}");
}
