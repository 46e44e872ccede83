//! Memory, descriptors and threads of a daemon do not grow over time.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Setup, copy_program, in_full};
use libtest_mimic::Trial;

use crate::test_alone;

/// Connections a second, if the machine is fast enough.
const RATE: u32 = 500;
const BATCH: u32 = 10;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test_alone("soak::resource_use_stays_constant_over_a_minute", || {
            soak(Setup::new().json().parquet(), Duration::from_secs(20), Duration::from_secs(40));
        }),
        // JSON lines of an hour would take several GB.
        in_full(test_alone("soak::resource_use_stays_constant_over_an_hour", || {
            soak(Setup::new().parquet(), Duration::from_secs(300), Duration::from_secs(3300));
        })),
        in_full(test_alone("soak::memory_is_bounded_however_many_programs_run", programs)),
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

/// Connects and closes at the rate for a while, each time to another address, so that tables by peer are exercised as
/// well. Returns the number of connections.
fn connect(peers: &mut impl Iterator<Item = Ipv4Addr>, for_: Duration) -> u32 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let begun = Instant::now();
    let mut made = 0;
    while begun.elapsed() < for_ {
        for peer in peers.by_ref().take(BATCH as usize) {
            drop((TcpStream::connect((peer, port)).unwrap(), listener.accept().unwrap()));
        }
        made += BATCH;
        let due = Duration::from_secs(1) * made / RATE;
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    made
}

/// Addresses of this host, each in a different network (/24) until these are exhausted.
fn peers() -> impl Iterator<Item = Ipv4Addr> {
    (1..=254)
        .flat_map(|last| (1..=254).flat_map(move |high| (0..=255).map(move |low| Ipv4Addr::new(127, high, low, last))))
}

fn soak(setup: Setup, warm_up: Duration, watched: Duration) {
    let daemon = setup.text("parquet.rotate_after", "5s").start();
    let mut peers = peers();
    connect(&mut peers, warm_up);
    let before = Usage::of(&daemon);
    let made = connect(&mut peers, watched);
    let after = Usage::of(&daemon);
    eprintln!("{made} connections in {watched:?}: from {before:?} to {after:?}");
    // Tolerates allocations of threads that work in turns, and a file that is being written.
    assert!(after.memory <= before.memory + before.memory / 4 + 8192, "{before:?} {after:?}");
    assert!(after.descriptors <= before.descriptors + 4, "{before:?} {after:?}");
    assert!(after.threads <= before.threads + 4, "{before:?} {after:?}");
    let status = daemon.status();
    let states = [&status["baseline"], &status["enforcement"]["baseline"]];
    let rules = states.into_iter().find_map(|state| state["rules"].as_u64());
    assert!(rules.is_some_and(|rules| rules <= 20_000), "no more than the default of baseline.rules: {rules:?}");
    assert!(daemon.stop().status.success());
}

/// More programs than any table of egret has entries for processes and executables.
const PROGRAMS: usize = 10_000;
/// Programs that run once the tables are full.
const FURTHER: usize = 3_000;

fn programs() {
    let setup = Setup::new().parquet();
    let program = setup.path("program");
    copy_program(Path::new("/bin/bash"), &program);
    let daemon = setup.start();
    run_links(&program, 0..PROGRAMS);
    let before = Usage::of(&daemon);
    run_links(&program, PROGRAMS..PROGRAMS + FURTHER);
    let after = Usage::of(&daemon);
    eprintln!("{FURTHER} programs after {PROGRAMS}: from {before:?} to {after:?}");
    assert!(after.memory <= before.memory + before.memory / 10, "{before:?} {after:?}");
    assert!(daemon.stop().status.success());
}

/// Runs a shell by a path of its own for each number. Each connects in vain.
fn run_links(program: &Path, numbers: Range<usize>) {
    for number in numbers {
        let link = program.with_file_name(format!("program-{number}"));
        fs::hard_link(program, &link).unwrap();
        let mut command = Command::new(&link);
        command.args(["-c", "exec 2> /dev/null; : > /dev/tcp/127.0.0.1/1"]);
        assert_eq!(command.status().unwrap().code(), Some(1));
        fs::remove_file(link).unwrap();
    }
}
