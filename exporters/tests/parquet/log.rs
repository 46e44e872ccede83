//! A log in a directory that is removed with the test.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egret_exporters::json;
use egret_exporters::parquet::read::{self, Query};
use egret_exporters::parquet::{Destination, Settings, Sink, Spool};
use egret_exporters::sink::{Account, Batch};
use egret_model::{ConnectionId, Event, Timestamp};
use tempfile::TempDir;

use crate::events;
use crate::running::Running;

/// 2023-11-14T22:00:00Z.
pub(crate) const TEN_AT_NIGHT: Timestamp = Timestamp(1_699_999_200_000_000_000);
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const CAPACITY: usize = 1 << 20;

pub(crate) struct Log {
    directory: TempDir,
    pub(crate) settings: Settings,
}

impl Log {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let settings = settings(directory.path());
        Self { directory, settings }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn start(&self) -> Running {
        let sink = Sink::new(&self.settings).unwrap();
        Running::start("parquet", CAPACITY, move |inbox| sink.run(inbox))
    }

    /// Writes events, and waits until their files are visible.
    pub(crate) fn write(&self, events: Vec<Event>) -> Account {
        let sink = self.start();
        sink.offer(&events.into());
        sink.finish()
    }

    /// Paths of all files below the directory, sorted; not that of the lock.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        gather(self.path(), &mut files);
        let below = |file: &PathBuf| file.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned();
        let mut files: Vec<_> = files.iter().map(below).filter(|file| !file.ends_with(".lock")).collect();
        files.sort();
        files
    }

    /// What a query finds.
    pub(crate) fn find(&self, query: Query) -> Vec<Event> {
        let log = read::Log::open(self.path(), query).unwrap();
        log.flat_map(|batch| batch.unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.find(Query::default()).iter().map(|event| event.id.socket).collect()
    }
}

pub(crate) fn settings(directory: &Path) -> Settings {
    Settings {
        destination: Destination::Directory(directory.to_owned()),
        host: "web-1".into(),
        rotate_after: Duration::from_secs(3600),
        rotate_bytes: 1 << 30,
        row_group_rows: 1 << 16,
        zstd_level: 3,
        keep_for: None,
        gap_percent: 100,
        keep_bytes: None,
        spool: Spool::default(),
        queue_events: CAPACITY,
        arguments: egret_model::Arguments::default(),
    }
}

fn gather(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            gather(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

/// Numbered events, one a second.
pub(crate) fn numbered(numbers: Range<u64>) -> Vec<Event> {
    let event = events::full_event();
    let time = |number: u64| Timestamp(TEN_AT_NIGHT.0 + i64::try_from(number).unwrap() * SECOND);
    let id = |socket| ConnectionId { socket, opened: 1 };
    numbers.map(|number| Event { time: time(number), id: id(number), ..event.clone() }).collect()
}

pub(crate) fn batch(numbers: Range<u64>) -> Batch {
    numbered(numbers).into()
}

/// All values of the record of an event.
pub(crate) fn line(event: &Event) -> String {
    let mut out = Vec::new();
    json::write_event(&mut out, event, &egret_model::Arguments::default());
    String::from_utf8(out).unwrap()
}

pub(crate) fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(line).collect()
}
