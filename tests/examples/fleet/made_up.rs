//! A log of unusual flows: few values of each kind, so that rules overlap in every way.

use std::path::PathBuf;
use std::sync::Arc;

use egret_model::{
    Attribution, Cgroup, ConnectionId, Endpoint, Event, EventName, Executable, Interface, Layer, NameSource, NamedBy,
    Process, Server, Timestamp, Transport,
};
use egret_tests::Scratch;

use crate::made_up_log::write;

/// Each host's flows.
const FLOWS: u64 = 6000;
/// Two days and a half.
const SPAN_NS: u64 = 60 * 3_600_000_000_000;
const BEGIN: i64 = 1_795_132_800_000_000_000;

const EXECUTABLES: [Option<&str>; 8] = [
    Some("/usr/bin/curl"),
    Some("/usr/bin/python3.11"),
    Some("/usr/bin/python3.11"),
    Some("/usr/bin/pythonic"),
    Some("/usr/bin/bash"),
    Some("/opt/an \"odd\" \\ name=#\u{a0}\u{e9}"),
    Some("/opt/two\nlines\u{85}"),
    None,
];

const ARGUMENTS: [&[&str]; 12] = [
    &[],
    &["python3"],
    &["python3", "/srv/app.py", "--port", "80"],
    &["python3", "-u", "-W", "ignore", "/srv/app.py"],
    &["python3", "-W", "-X", "/srv/app.py"],
    &["python3", "-m", "http.server", "80"],
    &["python3", "-m"],
    &["python3", "-c", "print()"],
    &["python3", "--", "-odd"],
    &["python3", "--"],
    &["python3", "-X"],
    &["python3", "-", "/srv/app.py"],
];

const UNITS: [Option<&str>; 4] = [None, Some("a.service"), Some("b@1.service"), Some("session-1.scope")];
const NAMES: [Option<&str>; 4] = [None, None, Some("a.example.org"), Some("b.example.org")];
const TRANSPORTS: [Option<Transport>; 7] = [
    Some(Transport::Tcp),
    Some(Transport::Tcp),
    Some(Transport::Udp),
    Some(Transport::Icmp),
    Some(Transport::Raw(89)),
    Some(Transport::Packet),
    None,
];
const EVENTS: [EventName; 8] = [
    EventName::ConnectionOpen,
    EventName::ConnectionOpen,
    EventName::ConnectionFailed,
    EventName::DatagramSend,
    EventName::DatagramSend,
    EventName::ConnectionClose,
    EventName::Listen,
    EventName::Accept,
];

/// Of two hosts.
pub(super) fn log(scratch: &Scratch) -> PathBuf {
    let log = scratch.path("log");
    for (host, seed) in [("web-1", 1), ("web-2", 2)] {
        let mut chance = Chance(seed);
        let step = SPAN_NS / FLOWS;
        write(&log, host, 1 << 10, (0..FLOWS).map(|number| event(number, number * step, &mut chance)).collect());
    }
    log
}

/// Pseudorandom numbers: D. Knuth's MMIX generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

fn event(number: u64, after_ns: u64, chance: &mut Chance) -> Event {
    let executable = Executable {
        path: chance.of(&EXECUTABLES).map(Arc::from),
        args: chance.of(&ARGUMENTS).iter().map(|argument| Arc::from(*argument)).collect(),
        ..Executable::default()
    }
    .interpreted();
    let unit = chance.of(&UNITS);
    let process = Process {
        pid: 4242,
        start_time: None,
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: chance.of(&[Some(1000), Some(1001), None]),
        user: chance.of(&[Some("alice"), Some("alice"), None]).map(Arc::from),
        cgroup: unit.map(|unit| {
            Arc::new(Cgroup {
                path: "/a/group".into(),
                unit: Some(unit.into()),
                unit_named_by: NamedBy::System,
                ..Cgroup::default()
            })
        }),
    };
    let server = chance.of(&NAMES).map(|name| Server {
        name: name.into(),
        source: NameSource::Dns,
        unverified: chance.of(&[true, false, false]),
        resolution: None,
    });
    let address = chance.of(&[Some("198.18.0.1"), Some("198.18.0.2"), Some("fe80::1"), None]);
    let interface = Interface::from_name(chance.of(&["eth0", "eth1"]));
    let transport = chance.of(&TRANSPORTS);
    let port = chance.of(&[Some(53), Some(443), None]);
    let peer = Endpoint {
        address: address.map(|address| address.parse().unwrap()),
        port: port.filter(|_| transport.is_none_or(Transport::has_ports)),
        interface: None,
    };
    let known = chance.below(20) > 0;
    let time = Timestamp(BEGIN + i64::try_from(after_ns).unwrap());
    Event {
        process: known.then(|| Arc::new(process)),
        attribution: if known { Attribution::Cookie } else { Attribution::Unknown },
        transport,
        peer: peer.behind(interface),
        server,
        inbound: chance.below(10) == 0,
        ..Event::new(chance.of(&EVENTS), time, ConnectionId { socket: number, opened: number }, Layer::Sockets)
    }
}
