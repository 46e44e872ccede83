//! A full disk.

use std::fs;
use std::path::Path;

use egret_tests::{Setup, with_small_disk};

use super::{connect_until, dropped_for, metrics, records, stop};

/// Fills half of the disk.
const BALLAST_BYTES: usize = 512 << 10;

pub(super) fn full_disk_drops_only_until_there_is_space() {
    // Each sink has a separate disk: otherwise the faster one would use the freed space before the other one.
    for sink in ["json", "parquet"] {
        let setup = Setup::new();
        let disk = setup.path("disk");
        fs::create_dir(&disk).unwrap();
        with_small_disk(&disk.clone(), "1m", || fill(setup, &disk, sink));
    }
}

fn fill(setup: Setup, disk: &Path, sink: &str) {
    let lines = disk.join("events.jsonl");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).unwrap();
    let setup = if sink == "json" {
        setup.json().text("json.destination", &lines.to_string_lossy())
    } else {
        setup
            .parquet()
            .text("parquet.destination", &disk.join("log").to_string_lossy())
            .text("parquet.rotate_after", "1s")
    };
    let daemon = setup.start();
    let full = connect_until(&daemon, sink, |account| account.dropped.contains_key("write_failed"));
    dropped_for(&full, &["write_failed"]);
    fs::remove_file(&ballast).unwrap();
    let before = daemon.sink(sink).sent;
    let after = connect_until(&daemon, sink, |account| account.sent > before);
    dropped_for(&after, &["write_failed"]);
    assert_eq!(metrics::add_up(&daemon)["prometheus"].lost(), 0);
    let ended = stop(daemon);
    if sink == "json" {
        assert_eq!(records(&lines), ended.sinks[sink][1]);
    }
    let complaints = ended.stderr.lines().filter(|line| line.contains("No space left on device")).count();
    assert!((1..20).contains(&complaints), "{}", ended.stderr);
}
