//! The JSON sink by its output files.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use egret_exporters::json::{self, Destination, Reopener, Settings, Sink};
use egret_exporters::sink::{Account, Batch, DropReason};
use egret_model::{ConnectionId, Event, EventName};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use crate::running::{Running, until};
use crate::{events, line};

struct TestFile {
    directory: TempDir,
}

impl TestFile {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.named("egret.jsonl")
    }

    fn named(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn settings(file: PathBuf) -> Settings {
    Settings {
        destination: Destination::File(file),
        updates: true,
        queue_events: 1 << 20,
        arguments: egret_model::Arguments::default(),
    }
}

fn start(file: &Path) -> (Running, Reopener) {
    let sink = Sink::new(&settings(file.to_owned())).unwrap();
    let reopener = sink.reopener();
    (Running::start("json", 1 << 20, move |inbox| sink.run(inbox)), reopener)
}

/// Numbered events.
fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let event = events::full_event();
    let numbered = numbers.map(|socket| Event { id: ConnectionId { socket, opened: 1 }, ..event.clone() });
    numbered.collect::<Vec<_>>().into()
}

/// The numbers of the events in a text of complete lines.
fn numbers(text: &str) -> Vec<u64> {
    assert!(text.is_empty() || text.ends_with('\n'), "torn at its end: {text}");
    text.lines().map(|line| json::read_event(line.as_bytes()).unwrap().id.socket).collect()
}

fn numbers_in(file: &Path) -> Vec<u64> {
    numbers(&fs::read_to_string(file).unwrap())
}

#[test]
fn close_has_all_bytes_without_updates() {
    let update = Event {
        name: EventName::ConnectionUpdate,
        bytes_sent: Some(5),
        bytes_received: Some(7),
        bytes_sent_delta: None,
        bytes_received_delta: None,
        ..events::full_event()
    };
    let close = Event {
        name: EventName::ConnectionClose,
        bytes_sent: Some(8),
        bytes_received: Some(9),
        bytes_sent_delta: Some(3),
        bytes_received_delta: Some(2),
        ..update.clone()
    };
    for process in [close.process.clone(), None] {
        let events = [&update, &close].map(|event| Event { process: process.clone(), ..event.clone() });
        for updates in [false, true] {
            let place = TestFile::new();
            let sink = Sink::new(&Settings { updates, ..settings(place.file()) }).unwrap();
            let running = Running::start("json", 1 << 20, move |inbox| sink.run(inbox));
            running.offer(&events.to_vec().into());
            running.finish();
            let text = fs::read_to_string(place.file()).unwrap();
            let read: Vec<_> = text.lines().map(|line| json::read_event(line.as_bytes()).unwrap()).collect();
            let sum = |of: fn(&Event) -> Option<u64>| read.iter().filter_map(of).sum::<u64>();
            assert_eq!((sum(Event::unreported_sent), sum(Event::unreported_received)), (8, 9), "{text}");
            assert_eq!(read.len(), 1 + usize::from(updates), "{text}");
        }
    }
}

#[test]
fn file_mode_allows_owner_and_group() {
    let place = TestFile::new();
    for run in 0..2 {
        let (sink, _) = start(&place.file());
        sink.offer(&batch(run * 10..run * 10 + 10));
        assert_eq!(sink.finish().sent, 10);
    }
    assert_eq!(numbers_in(&place.file()), (0..20).collect::<Vec<_>>());
    assert_eq!(fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn line_has_the_values_of_the_event() {
    let place = TestFile::new();
    let (sink, _) = start(&place.file());
    sink.offer(&vec![events::full_event()].into());
    sink.finish();
    assert_eq!(fs::read_to_string(place.file()).unwrap(), line(&events::full_event()));
}

#[test]
fn lines_beyond_the_buffer_are_written() {
    let place = TestFile::new();
    let (sink, _) = start(&place.file());
    sink.offer(&batch(0..5_000));
    assert_eq!(sink.finish().sent, 5_000);
    assert_eq!(numbers_in(&place.file()), (0..5_000).collect::<Vec<_>>());
}

#[test]
fn missing_directory_is_reported() {
    let place = TestFile::new();
    let error = Sink::new(&settings(place.named("missing/egret.jsonl"))).unwrap_err().to_string();
    assert!(error.ends_with(&format!("there is no directory {}", place.named("missing").display())), "{error}");
}

#[test]
fn path_that_is_not_a_file_is_reported() {
    let place = TestFile::new();
    let error = Sink::new(&settings(place.directory.path().to_owned())).unwrap_err().to_string();
    assert!(error.contains(&place.directory.path().display().to_string()), "{error}");
    assert!(error.contains("Is a directory"), "{error}");
}

#[test]
fn file_is_locked_for_one_writer() {
    let place = TestFile::new();
    let (first, _) = start(&place.file());
    let error = Sink::new(&settings(place.file())).unwrap_err().to_string();
    assert!(error.ends_with("another process has it locked"), "{error}");
    first.finish();
    assert!(Sink::new(&settings(place.file())).is_ok());
}

/// Rotation like logrotate's, many times and under load.
#[test]
fn rotation_keeps_every_line_once() {
    const ROTATIONS: u64 = 20;
    const EACH: u64 = 500;
    let place = TestFile::new();
    let (sink, reopener) = start(&place.file());
    for turn in 0..ROTATIONS {
        sink.offer(&batch(turn * EACH..(turn + 1) * EACH));
        fs::rename(place.file(), place.named(&format!("old-{turn:02}"))).unwrap();
        reopener.reopen();
        until("the new file", || place.file().exists());
    }
    sink.offer(&batch(ROTATIONS * EACH..(ROTATIONS + 1) * EACH));
    assert_eq!(sink.finish().sent, (ROTATIONS + 1) * EACH);
    let mut found: Vec<u64> =
        (0..ROTATIONS).flat_map(|turn| numbers_in(&place.named(&format!("old-{turn:02}")))).collect();
    found.extend(numbers_in(&place.file()));
    assert_eq!(found, (0..(ROTATIONS + 1) * EACH).collect::<Vec<_>>());
}

#[test]
fn renamed_file_is_written_to_if_reopening_fails() {
    let place = TestFile::new();
    let inner = place.named("inner");
    fs::create_dir(&inner).unwrap();
    let (sink, reopener) = start(&inner.join("egret.jsonl"));
    fs::rename(&inner, place.named("moved")).unwrap();
    reopener.reopen();
    sink.offer(&batch(0..10));
    assert_eq!(sink.finish().sent, 10);
    assert_eq!(numbers_in(&place.named("moved/egret.jsonl")), (0..10).collect::<Vec<_>>());
}

#[test]
fn reopening_without_a_rotation_changes_nothing() {
    let place = TestFile::new();
    let (sink, reopener) = start(&place.file());
    sink.offer(&batch(0..10));
    sink.settle();
    reopener.reopen();
    sink.offer(&batch(10..20));
    sink.finish();
    assert_eq!(numbers_in(&place.file()), (0..20).collect::<Vec<_>>());
}

#[test]
fn removed_file_is_created_again() {
    let place = TestFile::new();
    let (sink, _) = start(&place.file());
    sink.offer(&batch(0..10));
    sink.settle();
    fs::remove_file(place.file()).unwrap();
    sink.offer(&batch(10..20));
    assert_eq!(sink.finish().sent, 20);
    assert_eq!(numbers_in(&place.file()), (10..20).collect::<Vec<_>>());
}

#[test]
fn events_are_dropped_while_the_directory_is_missing() {
    let place = TestFile::new();
    let inner = place.named("inner");
    let file = inner.join("egret.jsonl");
    fs::create_dir(&inner).unwrap();
    let (sink, _) = start(&file);
    fs::remove_dir_all(&inner).unwrap();
    sink.offer(&batch(0..10));
    assert_eq!(sink.settle().dropped.get(DropReason::WriteFailed), 10);
    fs::create_dir(&inner).unwrap();
    sink.offer(&batch(10..20));
    assert_eq!(sink.finish().sent, 10);
    assert_eq!(numbers_in(&file), (10..20).collect::<Vec<_>>());
}

/// `copytruncate` in logrotate's configuration.
#[test]
fn truncated_file_is_written_from_its_beginning() {
    let place = TestFile::new();
    let (sink, _) = start(&place.file());
    sink.offer(&batch(0..10));
    sink.settle();
    File::options().write(true).open(place.file()).unwrap().set_len(0).unwrap();
    sink.offer(&batch(10..20));
    sink.finish();
    assert_eq!(numbers_in(&place.file()), (10..20).collect::<Vec<_>>());
}

#[test]
fn partial_line_of_a_crash_is_removed() {
    let whole = line(&events::full_event());
    for torn in [1, 10, whole.len() / 2, whole.len() - 1] {
        let place = TestFile::new();
        fs::write(place.file(), format!("{whole}{}", &whole[..torn])).unwrap();
        let (sink, _) = start(&place.file());
        sink.offer(&batch(5..6));
        sink.finish();
        assert_eq!(numbers_in(&place.file()), [events::full_event().id.socket, 5], "torn at {torn}");
    }
}

#[test]
fn files_of_other_programs_are_kept() {
    let place = TestFile::new();
    fs::write(place.file(), "a foreign line").unwrap();
    let (sink, _) = start(&place.file());
    sink.offer(&vec![events::full_event()].into());
    sink.finish();
    assert_eq!(fs::read_to_string(place.file()).unwrap(), format!("a foreign line\n{}", line(&events::full_event())));
}

/// A reader of the links in `/proc` opens each file for a moment.
#[test]
fn lock_is_released_with_the_sink() {
    let place = TestFile::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for file in fs::read_dir("/proc/self/fd").unwrap() {
                        let _ = fs::read_link(file.unwrap().path());
                    }
                }
            });
        }
        let refused = (0..5_000).find_map(|_| Sink::new(&settings(place.file())).err());
        done.store(true, Ordering::Relaxed);
        assert!(refused.is_none(), "{refused:?}");
    });
}

fn pipe(place: &TestFile) -> PathBuf {
    mkfifo(&place.file(), Mode::S_IRWXU).unwrap();
    place.file()
}

/// The read side; opening does not wait for a writer, reading does.
fn reader(pipe: &Path) -> File {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(pipe).unwrap()
}

/// Lets a sink end, and reads a pipe meanwhile.
fn finish(sink: Running, mut reader: File) -> (Account, String) {
    let ending = thread::spawn(move || sink.finish());
    let mut text = Vec::new();
    let mut piece = [0; 1_000];
    until("the end of the text", || match reader.read(&mut piece) {
        Ok(0) => true,
        Ok(length) => text.write_all(piece.get(..length).unwrap()).is_err(),
        Err(_) => false,
    });
    (ending.join().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn pipe_without_a_reader_is_an_error() {
    let place = TestFile::new();
    let error = Sink::new(&settings(pipe(&place))).unwrap_err().to_string();
    assert!(error.contains(&place.file().display().to_string()), "{error}");
}

#[test]
fn slow_reader_gets_every_line() {
    let place = TestFile::new();
    let reader = reader(&pipe(&place));
    let (sink, _) = start(&place.file());
    // Much more than a pipe holds.
    sink.offer(&batch(0..2_000));
    until("a full pipe", || sink.ledger().account().sent > 0);
    let (account, text) = finish(sink, reader);
    assert_eq!(account.sent, 2_000);
    assert_eq!(numbers(&text), (0..2_000).collect::<Vec<_>>());
}

#[test]
fn events_are_dropped_while_a_pipe_has_no_reader() {
    let place = TestFile::new();
    let first = reader(&pipe(&place));
    let (sink, _) = start(&place.file());
    drop(first);
    sink.offer(&batch(0..10));
    assert_eq!(sink.settle().dropped.get(DropReason::WriteFailed), 10);
    let second = reader(&place.file());
    sink.offer(&batch(10..20));
    let (account, text) = finish(sink, second);
    assert_eq!(account.sent, 10);
    assert_eq!(numbers(&text), (10..20).collect::<Vec<_>>());
}

/// The pipe keeps unread bytes of its last reader.
#[test]
fn partial_line_in_a_pipe_does_not_corrupt_the_next() {
    let place = TestFile::new();
    let first = reader(&pipe(&place));
    let (sink, _) = start(&place.file());
    sink.offer(&batch(0..2_000));
    until("a full pipe", || sink.ledger().account().sent > 0);
    drop(first);
    let lost = sink.settle().dropped.get(DropReason::WriteFailed);
    let second = reader(&place.file());
    sink.offer(&batch(2_000..2_010));
    let (account, text) = finish(sink, second);
    assert_eq!(account.sent, 2_010 - lost);
    let whole = text.lines().filter_map(|line| json::read_event(line.as_bytes()).ok());
    let read: Vec<_> = whole.map(|event| event.id.socket).collect();
    assert_eq!(read, (0..2_000 - lost).chain(2_000..2_010).collect::<Vec<_>>());
    assert_eq!(text.lines().count(), read.len() + 1, "one was torn");
}

/// A blocked reader does not prevent the end of the sink, and the bytes in the pipe count.
#[test]
fn stuck_pipe_does_not_block_shutdown() {
    let place = TestFile::new();
    let mut reader = reader(&pipe(&place));
    let (sink, _) = start(&place.file());
    sink.offer(&batch(0..2_000));
    until("a full pipe", || sink.ledger().account().sent > 0);
    let account = sink.abandon();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    assert_eq!(numbers(&text[..whole]), (0..account.sent).collect::<Vec<_>>());
    assert_eq!(account.dropped.get(DropReason::Shutdown), 2_000 - account.sent);
}
