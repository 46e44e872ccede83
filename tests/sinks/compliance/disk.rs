//! A disk that is full.

use std::fs;
use std::path::Path;

use egret_tests::{Setup, with_small_disk};

use super::{connect_until, dropped_for, metrics, records, stop};

/// What takes up half of the disk.
const BALLAST_BYTES: usize = 512 << 10;

pub(super) fn a_full_disk() {
    let setup = Setup::new();
    let disk = setup.path("disk");
    fs::create_dir(&disk).unwrap();
    with_small_disk(&disk.clone(), "1m", || fill(setup, &disk));
}

fn fill(setup: Setup, disk: &Path) {
    let lines = disk.join("events.jsonl");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).unwrap();
    let setup = setup.json().text("json.destination", &lines.to_string_lossy());
    let setup = setup.parquet().text("parquet.destination", &disk.join("log").to_string_lossy());
    let daemon = setup.text("parquet.rotate_after", "1s").start();
    for sink in ["json", "parquet"] {
        let full = connect_until(&daemon, sink, |account| account.dropped.contains_key("write_failed"));
        dropped_for(&full, &["write_failed"]);
    }
    fs::remove_file(&ballast).unwrap();
    for sink in ["json", "parquet"] {
        let before = daemon.sink(sink).sent;
        let after = connect_until(&daemon, sink, |account| account.sent > before);
        dropped_for(&after, &["write_failed"]);
    }
    assert_eq!(metrics::add_up(&daemon)["prometheus"].lost(), 0);
    let ended = stop(daemon);
    assert_eq!(records(&lines), ended.sinks["json"][1]);
    let complaints = ended.stderr.lines().filter(|line| line.contains("No space left on device")).count();
    assert!((1..20).contains(&complaints), "{}", ended.stderr);
}
