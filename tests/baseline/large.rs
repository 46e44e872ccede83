//! A log much larger than the permitted memory.

use std::sync::Arc;
use std::time::Instant;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Executable, Layer, NameSource, Process, Server, Timestamp,
    Transport,
};
use libtest_mimic::Trial;
use nix::sys::resource::{UsageWho, getrusage};

use crate::made_up_log::write;
use crate::{Directory, test_alone};

/// Rows of the log; ten times as many with `cargo xtask test --full`.
const ROWS: u64 = 100_000;
/// Rows written at a time.
const CHUNK: u64 = 50_000;
/// Limit of the memory that learning takes, however large the log is: a third of it is the program itself.
const MOST_KIB: i64 = 192 << 10;

pub(crate) fn trials() -> Vec<Trial> {
    vec![test_alone("large::learning_memory_is_bounded", streams)]
}

fn streams() {
    let directory = Directory::new();
    let log = directory.path("log");
    let rows = if std::env::var_os("EGRET_TEST_FULL").is_some() { 10 * ROWS } else { ROWS };
    for begin in (0..rows).step_by(CHUNK.try_into().unwrap()) {
        write(&log, "host", 1 << 16, (begin..begin + CHUNK).map(|number| event(number, rows)).collect());
    }
    let log = log.to_str().unwrap();
    let begin = Instant::now();
    let said = directory.stdout_of("learn", &["--log", log]);
    let took = begin.elapsed();
    assert!(said.contains(&format!("{rows} flows")), "{said}");
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    eprintln!("{rows} rows: {took:?}, at most {most} KiB");
    assert!(most < MOST_KIB, "{most} KiB");
    let replay = directory.json("replay", &["--log", log]);
    assert_eq!((&replay["flows"], &replay["would_block"]), (&rows.into(), &0.into()), "{said}");
}

/// Fifty programs with forty names each over thirty days, and one program that scans addresses.
fn event(number: u64, rows: u64) -> Event {
    const BEGIN: i64 = 1_795_132_800_000_000_000;
    const DAYS_NS: u64 = 30 * 86_400_000_000_000;
    let program = number % 50;
    let step = DAYS_NS / rows;
    let executable = Executable { path: Some(format!("/usr/bin/program-{program}").into()), ..Executable::default() };
    let process = Process {
        pid: u32::try_from(1000 + number % 30_000).unwrap(),
        start_time: None,
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(1000),
        user: Some("alice".into()),
        cgroup: None,
    };
    let [.., high, low] = u32::try_from(number % 65_536).unwrap().to_be_bytes();
    let server = (program > 0).then(|| Server {
        name: format!("n{}.example-{program}.org", number / 50 % 40).into(),
        source: NameSource::Dns,
        unverified: false,
        resolution: None,
    });
    let time = Timestamp(BEGIN + i64::try_from(number * step).unwrap());
    Event {
        process: Some(Arc::new(process)),
        attribution: Attribution::Cookie,
        transport: Some(Transport::Tcp),
        local: Endpoint { address: Some([10, 0, 0, 5].into()), port: Some(50_000), interface: None },
        peer: Endpoint { address: Some([198, 18, high, low].into()), port: Some(443), interface: None },
        server,
        ..Event::new(EventName::ConnectionOpen, time, ConnectionId { socket: number, opened: number }, Layer::Sockets)
    }
}
