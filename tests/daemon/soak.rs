//! What a daemon takes does not grow with time: memory, descriptors and threads stay what they were after a while.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Setup, in_full};
use libtest_mimic::Trial;

use crate::test_alone;

/// Connections a second, as far as the machine makes so many.
const RATE: u32 = 500;
const BATCH: u32 = 10;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test_alone("soak::a_minute_is_flat", || soak(Duration::from_secs(20), Duration::from_secs(40))),
        in_full(test_alone("soak::an_hour_is_flat", || soak(Duration::from_secs(300), Duration::from_secs(3300)))),
    ]
}

#[derive(Debug)]
struct Usage {
    /// Proportional share of memory, KiB.
    memory: u64,
    descriptors: usize,
    threads: usize,
}

impl Usage {
    fn of(daemon: &Daemon) -> Self {
        let process = format!("/proc/{}", daemon.pid());
        let rollup = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap();
        let memory = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        let entries = |of: &str| fs::read_dir(format!("{process}/{of}")).unwrap().count();
        Self {
            memory: memory.trim().trim_end_matches(" kB").parse().unwrap(),
            descriptors: entries("fd"),
            threads: entries("task"),
        }
    }
}

/// Connects and closes at the rate, for a time; says how often.
fn connect(for_: Duration) -> u32 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let begun = Instant::now();
    let mut made = 0;
    while begun.elapsed() < for_ {
        for _ in 0..BATCH {
            drop((TcpStream::connect(peer).unwrap(), listener.accept().unwrap()));
        }
        made += BATCH;
        let due = Duration::from_secs(1) * made / RATE;
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    made
}

fn soak(warm_up: Duration, watched: Duration) {
    let daemon = Setup::new().json().parquet().text("parquet.rotate_after", "5s").start();
    connect(warm_up);
    let before = Usage::of(&daemon);
    let made = connect(watched);
    let after = Usage::of(&daemon);
    eprintln!("{made} connections in {watched:?}: from {before:?} to {after:?}");
    // What is allocated by turns of threads, and a file that is just being written.
    assert!(after.memory <= before.memory + before.memory / 4 + 8192, "{before:?} {after:?}");
    assert!(after.descriptors <= before.descriptors + 4, "{before:?} {after:?}");
    assert!(after.threads <= before.threads + 4, "{before:?} {after:?}");
    assert!(daemon.stop().status.success());
}
