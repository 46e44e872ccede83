//! What egret is looked at for on every kernel, and what may be less.

use egret_tests::checks::{datagrams, only, process, stream};
use egret_tests::{Report, Seen};

/// What shows a feature.
#[derive(Clone, Copy)]
pub(crate) enum Evidence {
    /// Traffic of a kind, and what must be seen of it.
    Traffic(&'static str, fn(&Seen, &Report)),
    /// Something that must be among what was seen.
    Seen(&'static str, fn(&Seen)),
    /// A line of the file `facts`.
    Fact(&'static str),
}

impl Evidence {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Traffic(name, _) | Self::Seen(name, _) | Self::Fact(name) => name,
        }
    }
}

/// One row of the page.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) evidence: &'static [Evidence],
    /// Degradations, and losses that egret counts, that excuse less.
    pub(crate) excuses: &'static [&'static str],
}

/// What any trace says of itself at its end.
pub(crate) const NOTHING_LOST: &str = "an account without losses";

/// A run of a tracepoint's program that the kernel skipped.
pub(crate) const SKIPPED: &str = "hook_skipped";

const LENGTHS: &[&str] = &["no_length_tracepoints"];
const ERRORS: &[&str] = &["no_error_reports"];
/// Where the bytes of single calls are counted.
const CALLS: &[&str] = &[SKIPPED];
const NOTHING: &[&str] = &[];

use Evidence::{Fact, Seen as Event, Traffic};

/// Lines of the file `facts` about one firewall.
macro_rules! walk {
    ($firewall:literal, $($fact:literal),+) => {
        [$(Fact(concat!($firewall, ".", $fact))),+]
    };
}

pub(crate) const FEATURES: &[Feature] = &[
    feature(
        "TCP connects, with process and bytes",
        &[Traffic("tcp-blocking", echo), Traffic("tcp-blocking --ipv6", echo), Traffic("tcp-nonblocking", echo)],
        NOTHING,
    ),
    feature(
        "`write`, `sendfile`, `splice`",
        &[Traffic("tcp-write", echo), Traffic("tcp-sendfile", echo), Traffic("tcp-splice", echo)],
        NOTHING,
    ),
    feature("TCP Fast Open", &[Traffic("tcp-fastopen", echo)], NOTHING),
    feature("refused connects", &[Traffic("tcp-refused", refused)], NOTHING),
    feature("`io_uring` connects", &[Traffic("uring-connect", echo)], NOTHING),
    feature("network namespaces", &[Traffic("netns", echo), Traffic("netns --inner udp-sendto", messages)], NOTHING),
    feature(
        "connections that one process accepts and another uses, with bytes",
        &[Traffic("tcp-fork-accept", handed)],
        NOTHING,
    ),
    feature("their process is the one that uses them", &[Traffic("tcp-fork-accept --ipv6", forked)], LENGTHS),
    feature(
        "UDP to a connected peer, with bytes",
        &[
            Traffic("udp-connected", messages),
            Traffic("udp-write", messages),
            Traffic("udp-connected --ipv6", messages),
        ],
        CALLS,
    ),
    feature(
        "UDP to a peer that the call names, with bytes",
        &[Traffic("udp-sendto", messages), Traffic("udp-sendmsg", messages), Traffic("udp-sendto --ipv6", messages)],
        CALLS,
    ),
    feature(
        "several UDP peers of one socket",
        &[
            Traffic("udp-many-peers --peers 6 --rounds 20", messages),
            Traffic("udp-sendmmsg --peers 4", messages),
            Traffic("udp-server --count 3", server),
        ],
        CALLS,
    ),
    feature("UDP over `io_uring`", &[Traffic("uring-udp", messages)], CALLS),
    feature("segmentation offload", &[Traffic("udp-gso", messages), Traffic("udp-gro", messages)], CALLS),
    feature("errors of datagrams", &[Traffic("udp-refused", unanswered)], ERRORS),
    feature(
        "ICMP, with bytes",
        &[Traffic("icmp-raw", raw), Traffic("icmp-dgram", raw), Traffic("icmp-raw --ipv6", raw)],
        CALLS,
    ),
    feature("raw sockets, with bytes", &[Traffic("raw-proto", raw), Traffic("raw-proto --ipv6", raw)], CALLS),
    feature("packet sockets", &[Traffic("packet", raw)], LENGTHS),
    feature("processes that live for a moment", &[Traffic("tcp-short --count 100", short)], NOTHING),
    feature("preexisting connections", &[Event("a preexisting connection", preexisting)], NOTHING),
    feature("names that were asked for", &[Event("a name from DNS", named)], NOTHING),
    feature("nothing lost", &[Event(NOTHING_LOST, nothing_lost)], CALLS),
    feature(
        "daemon, with Parquet and Prometheus",
        &[Fact("daemon.stops"), Fact("daemon.parquet"), Fact("daemon.metrics")],
        NOTHING,
    ),
    feature(
        "nftables: learn, shadow, enforce",
        &walk!("nftables", "learned", "learn", "installs", "shadow", "enforce"),
        NOTHING,
    ),
    feature("nftables: rules that others flush are back", &walk!("nftables", "flush", "put_back"), NOTHING),
    feature("nftables: rules of others as they were", &walk!("nftables", "observe", "foreign", "remove"), NOTHING),
    feature(
        "nftables: killed, open and closed",
        &walk!("nftables", "again", "killed_open", "restarted", "killed_closed"),
        NOTHING,
    ),
    feature(
        "iptables: learn, shadow, enforce",
        &walk!("iptables", "learned", "learn", "installs", "shadow", "enforce"),
        NOTHING,
    ),
    feature("iptables: rules that others flush are back", &walk!("iptables", "flush", "put_back"), NOTHING),
    feature("iptables: rules of others as they were", &walk!("iptables", "observe", "foreign", "remove"), NOTHING),
    feature(
        "iptables: killed, open and closed",
        &walk!("iptables", "again", "killed_open", "restarted", "killed_closed"),
        NOTHING,
    ),
];

/// What is looked at with firewalls of others, on one kernel.
pub(crate) const BESIDE_OTHERS: &[Feature] = &[
    feature(
        "`nft -f` of a file that flushes all first",
        &walk!("others", "alone", "reload_noticed", "reload", "reload_same"),
        NOTHING,
    ),
    feature("ufw", &walk!("others", "ufw", "ufw_reload", "ufw_same"), NOTHING),
    feature("firewalld", &walk!("others", "firewalld", "firewalld_reload", "firewalld_same"), NOTHING),
    feature("Docker", &walk!("others", "docker", "docker_same"), NOTHING),
];

/// All of them.
pub(crate) fn features() -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().chain(BESIDE_OTHERS)
}

const fn feature(name: &'static str, evidence: &'static [Evidence], excuses: &'static [&'static str]) -> Feature {
    Feature { name, evidence, excuses }
}

/// Both ends of a connection.
fn echo(seen: &Seen, report: &Report) {
    let server = report.server();
    stream(seen, report, &report.total);
    stream(seen, server, &server.total);
}

/// The beginning alone, with its process, as a lower layer sees it.
pub(crate) fn opened(seen: &Seen, report: &Report) {
    let events = seen.of_pid(report.pid);
    let opened = only(&events, "connection.open");
    assert_eq!(opened.path.as_deref(), Some(report.exe.as_str()), "{opened:#?}");
    assert_eq!((opened.attribution.as_str(), opened.layer.as_str()), ("cookie", "syscalls"), "{opened:#?}");
    assert_eq!(opened.peer(), Some(report.total.peer()), "{opened:#?}");
}

fn refused(seen: &Seen, report: &Report) {
    let events = seen.of_pid(report.pid);
    let failed = only(&events, "connection.failed");
    process(failed, report);
    assert_eq!(failed.error.as_deref(), Some("ECONNREFUSED"), "{failed:#?}");
    assert_eq!(failed.peer(), Some(report.total.peer()), "{failed:#?}");
}

/// Whoever is said to be the process.
fn handed(seen: &Seen, report: &Report) {
    let [worker] = report.server().children.as_slice() else { panic!("{report:#?}") };
    stream(seen, report, &report.total);
    let events = seen.of_socket(worker.total.socket());
    only(&events, "accept");
    let closed = only(&events, "connection.close");
    let expected = (Some(worker.total.sent), Some(worker.total.received));
    assert_eq!((closed.sent, closed.received), expected, "{closed:#?}");
}

fn forked(seen: &Seen, report: &Report) {
    let [worker] = report.server().children.as_slice() else { panic!("{report:#?}") };
    stream(seen, report, &report.total);
    stream(seen, worker, &worker.total);
}

/// Both ends of every flow.
fn messages(seen: &Seen, report: &Report) {
    for side in [report, report.server()] {
        side.flows().iter().for_each(|flow| datagrams(seen, side, flow));
    }
}

fn server(seen: &Seen, report: &Report) {
    for side in report.processes() {
        side.flows().iter().for_each(|flow| datagrams(seen, side, flow));
    }
}

fn unanswered(seen: &Seen, report: &Report) {
    let events = seen.of_pid(report.pid);
    let failed = only(&events, "connection.failed");
    assert_eq!(failed.error.as_deref(), Some("ECONNREFUSED"), "{failed:#?}");
    let closed = only(&events, "connection.close");
    assert_eq!(closed.sent, Some(report.total.sent), "{closed:#?}");
}

fn raw(seen: &Seen, report: &Report) {
    assert_eq!(report.total.errno, None, "{report:#?}");
    let events = seen.of_socket(report.total.socket());
    events.iter().for_each(|event| process(event, report));
    only(&events, "datagram.send");
    let closed = only(&events, "connection.close");
    assert_eq!((closed.sent, closed.received), (Some(report.total.sent), Some(report.total.received)), "{closed:#?}");
}

/// Each of them is there with its own process and path.
fn short(seen: &Seen, report: &Report) {
    let short: Vec<_> = report.children.iter().filter(|child| child.way != "server").collect();
    assert!(!short.is_empty(), "{report:#?}");
    short.iter().for_each(|child| process(only(&seen.of_pid(child.pid), "connection.open"), child));
}

fn preexisting(seen: &Seen) {
    let is_it = |event: &egret_tests::Event| event.preexisting && event.executable.as_deref() == Some("bash");
    let found: Vec<_> = seen.events.iter().filter(|event| is_it(event)).collect();
    only(&found, "connection.open");
    only(&found, "connection.close");
}

fn named(seen: &Seen) {
    let is_it = |event: &&egret_tests::Event| event.server.as_deref() == Some("shop.example");
    let found: Vec<_> = seen.events.iter().filter(is_it).collect();
    let opened = only(&found, "connection.open");
    assert_eq!(opened.name_source.as_deref(), Some("dns"), "{opened:#?}");
}

fn nothing_lost(seen: &Seen) {
    assert_eq!(seen.sum.lost, 0, "{}", seen.stderr);
}
