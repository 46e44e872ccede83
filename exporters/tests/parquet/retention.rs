//! Retention of files.

use std::fs;
use std::time::Duration;

use egret_model::{Event, Timestamp};

use crate::log::{HOUR, Log, numbered};

/// One event, this many hours ago.
fn hours_ago(hours: i64) -> Vec<Event> {
    let now = jiff::Timestamp::now().as_nanosecond();
    let time = Timestamp(i64::try_from(now).unwrap() - hours * HOUR);
    numbered(0..1).into_iter().map(|event| Event { time, ..event }).collect()
}

fn bytes(log: &Log) -> u64 {
    log.files().iter().map(|file| fs::metadata(log.path().join(file)).unwrap().len()).sum()
}

#[test]
fn expired_files_and_empty_directories_are_removed() {
    let mut log = Log::new();
    for hours in [49, 30, 5, 0] {
        log.write(hours_ago(hours));
    }
    let before = log.files();
    assert_eq!(before.len(), 4);
    log.settings.keep_for = Some(Duration::from_secs(24 * 3600));
    log.write(Vec::new());
    assert_eq!(log.files(), before[2..]);
    let directory = log.path().join(&before[0]).parent().unwrap().to_owned();
    assert!(!directory.exists());
}

/// A file for each of these hours.
fn log_of(hours: impl Iterator<Item = i64>) -> Log {
    let mut log = Log::new();
    for hour in hours {
        log.write(hours_ago(hour));
    }
    log.settings.gap_percent = 10;
    log
}

#[test]
fn clock_set_ahead_removes_a_limited_share_of_the_log() {
    // As if the clock were 40 days ahead: the log ends 40 days ago.
    let mut log = log_of((960..=989).rev());
    log.settings.keep_for = Some(Duration::from_secs(30 * 3600));
    let before = log.files();
    // Also after several starts of the daemon.
    for _ in 0..3 {
        log.write(Vec::new());
    }
    let kept = log.files();
    assert!(kept.len() >= before.len() * 9 / 10, "{} of {}", kept.len(), before.len());
    assert_eq!(kept, before[before.len() - kept.len()..]);
    // Nor if there are files with a later time.
    log.write(hours_ago(0));
    log.write(Vec::new());
    let (now, kept) = (log.files(), kept.len());
    assert!(now.len() > kept - 3, "{} of {kept}", now.len());
}

#[test]
fn log_without_gaps_is_kept_to_the_hour() {
    let mut log = log_of((0..=30).rev());
    log.settings.keep_for = Some(Duration::from_secs(24 * 3600));
    let before = log.files();
    log.write(Vec::new());
    assert_eq!(log.files(), before[6..]);
}

#[test]
fn clock_set_back_removes_nothing() {
    let mut log = log_of([-960, -961, -1000].into_iter());
    log.settings.keep_for = Some(Duration::from_secs(3600));
    let before = log.files();
    log.write(hours_ago(0));
    assert_eq!(log.files().len(), before.len() + 1);
}

#[test]
fn long_period_without_data_counts_more_with_later_data() {
    // A gap of 60 days, then two days with data.
    let mut log = log_of((1488..=1490).rev().chain((0..48).rev()));
    log.settings.keep_for = Some(Duration::from_secs(3 * 24 * 3600));
    log.settings.gap_percent = 30;
    log.write(Vec::new());
    assert_eq!(log.files().len(), 48);
}

#[test]
fn oldest_files_are_removed_beyond_the_size_limit() {
    let mut log = Log::new();
    for hours in [4, 3, 3, 2, 0] {
        log.write(hours_ago(hours));
    }
    let before = log.files();
    log.settings.keep_bytes = Some(bytes(&log) / 2);
    log.write(Vec::new());
    assert_eq!(log.files(), before[3..]);
    log.write(hours_ago(0));
    assert_eq!(log.files()[0], before[4]);
}

#[test]
fn newest_file_is_kept_whatever_its_size() {
    let mut log = Log::new();
    log.settings.keep_bytes = Some(1);
    log.write(hours_ago(1));
    log.write(hours_ago(0));
    let files = log.files();
    assert_eq!(files.len(), 1);
    log.write(hours_ago(0));
    assert_eq!(log.files().len(), 1);
    assert!(log.files() > files);
}

#[test]
fn files_of_other_hosts_are_neither_counted_nor_removed() {
    let mut log = Log::new();
    log.write(hours_ago(100));
    let own = log.files();
    let (directory, _) = own[0].rsplit_once('/').unwrap();
    let others = [format!("{directory}/notes.txt"), format!("{directory}/web-2-1700000000000.parquet")];
    for other in &others {
        fs::write(log.path().join(other), [0; 100_000]).unwrap();
    }
    log.settings.keep_bytes = Some(50_000);
    log.write(Vec::new());
    assert_eq!(log.files().len(), 3);
    log.settings.keep_for = Some(Duration::from_secs(3600));
    log.write(Vec::new());
    assert_eq!(log.files(), others);
}
