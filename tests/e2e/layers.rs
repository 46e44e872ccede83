//! The layers other than the default one.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use egret_tests::{Event, Report, Seen, Server, Trace, Traffic, until};
use libtest_mimic::Trial;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket};

use crate::{test, test_alone};

const SYSCALLS: [&str; 3] = ["--no-standing", "--capture", "syscalls"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("layers::syscalls_report_connect_and_accept", syscalls_connect),
        test("layers::syscalls_report_a_refused_connect", || syscalls_failed("tcp-refused", "ECONNREFUSED")),
        test("layers::syscalls_report_the_error_of_an_unreachable_peer", || {
            syscalls_failed("tcp-unreachable", "ENETUNREACH")
        }),
        test("layers::syscalls_report_the_first_send_to_each_peer", syscalls_peers),
        test("layers::syscalls_report_every_send_on_request", syscalls_every_send),
        test("layers::syscalls_report_the_peer_of_icmp", syscalls_icmp),
        test("layers::syscalls_ignore_unix_sockets", syscalls_unix),
        // Other tests must not run: reads of the kernel's tables skip entries while many sockets open and close.
        test_alone("layers::procfs_reports_lasting_connections", procfs_lasting),
        test("layers::idle_connection_of_a_preexisting_listener_is_looked_up", old_listener),
        test("layers::unanswered_connect_is_reported_after_a_delay", unanswered_for_long),
        test("layers::unanswered_connect_is_reported_at_the_end", unanswered_at_the_end),
    ]
}

fn syscalls(way: &[&str]) -> (Seen, Report) {
    let trace = Trace::start(&SYSCALLS);
    let report = Traffic::new(way).run();
    (trace.stop(), report)
}

/// The events of this name and process, which must all come from the layer.
fn events<'a>(seen: &'a Seen, pid: u32, name: &str, layer: &str) -> Vec<&'a Event> {
    let found: Vec<&Event> = seen.of_pid(pid).into_iter().filter(|event| event.name == name).collect();
    assert!(found.iter().all(|event| event.layer == layer), "{found:#?}");
    found
}

fn syscalls_connect() {
    let (seen, report) = syscalls(&["tcp-blocking"]);
    let (client, server) = (&report, report.server());
    let [open] = events(&seen, client.pid, "connection.open", "syscalls")[..] else { panic!("{:#?}", seen.events) };
    assert_eq!((open.local(), open.peer()), (Some(client.total.local()), Some(client.total.peer())));
    assert_eq!((open.path.as_deref(), open.transport.as_deref()), (Some(&*client.exe), Some("tcp")));
    assert!(open.connect_ns.is_some_and(|duration| duration > 0), "{open:#?}");
    let [accept] = events(&seen, server.pid, "accept", "syscalls")[..] else { panic!("{:#?}", seen.events) };
    assert_eq!((accept.local(), accept.peer()), (Some(server.total.local()), Some(server.total.peer())));
}

fn syscalls_failed(way: &str, errno: &str) {
    let (seen, report) = syscalls(&[way]);
    assert_eq!(report.total.errno.as_deref(), Some(errno), "{report:#?}");
    let [failed] = events(&seen, report.pid, "connection.failed", "syscalls")[..] else { panic!("{:#?}", seen.events) };
    assert_eq!(failed.error.as_deref(), Some(errno));
    assert_eq!(failed.peer(), Some(report.total.peer()));
}

fn syscalls_peers() {
    for way in ["udp-sendto", "udp-connected", "udp-sendmsg", "udp-sendmmsg", "udp-many-peers"] {
        let (seen, report) = syscalls(&[way, "--peers", "5"]);
        let mut peers: Vec<_> =
            events(&seen, report.pid, "datagram.send", "syscalls").iter().filter_map(|event| event.peer()).collect();
        let mut expected: Vec<_> = report.flows().iter().map(egret_tests::Flow::peer).collect();
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected, "{way}");
    }
}

fn syscalls_every_send() {
    let trace = Trace::start(&[&SYSCALLS[..], &["--every-send"]].concat());
    let report = Traffic::new(&["udp-sendto"]).run();
    let seen = trace.stop();
    let sends = events(&seen, report.pid, "datagram.send", "syscalls");
    assert_eq!(sends.len() as u64, report.total.sends);
    assert_eq!(sends.iter().filter_map(|event| event.sent).sum::<u64>(), report.total.sent);
}

fn syscalls_icmp() {
    let (seen, report) = syscalls(&["icmp-raw"]);
    let [send] = events(&seen, report.pid, "datagram.send", "syscalls")[..] else { panic!("{:#?}", seen.events) };
    assert_eq!(send.transport.as_deref(), Some("icmp"));
    assert_eq!(send.peer_address.map(|address| address.to_string()), report.total.peer);
}

fn syscalls_unix() {
    let (seen, report) = syscalls(&["unix"]);
    assert!(report.total.sends > 0, "{report:#?}");
    assert!(seen.of_report(&report).is_empty(), "{:#?}", seen.events);
}

/// Milliseconds; longer than the interval of scans.
const LASTING: &str = "2500";

fn procfs_lasting() {
    let trace = Trace::start(&["--no-standing", "--capture", "procfs"]);
    let report = Traffic::new(&["tcp-blocking", "--hold-ms", LASTING]).run();
    let seen = trace.stop();
    let [open] = events(&seen, report.pid, "connection.open", "procfs")[..] else { panic!("{:#?}", seen.events) };
    assert_eq!((open.local(), open.peer()), (Some(report.total.local()), Some(report.total.peer())));
    assert_eq!((open.attribution.as_str(), open.path.as_deref()), ("procfs", Some(&*report.exe)));
    assert_eq!(events(&seen, report.server().pid, "accept", "procfs").len(), 1, "{:#?}", seen.events);
}

/// The listener made no record and nobody sends: only `sock_diag` has the connection.
fn old_listener() {
    let server = Server::start("tcp-idle", "127.0.0.1");
    let trace = Trace::start(&["--no-standing"]);
    let client = TcpStream::connect(server.address).unwrap();
    let ends = (Some(server.address), client.local_addr().ok());
    let is = |event: &&Event| event.name == "accept" && (event.local(), event.peer()) == ends;
    let accept = |events: &[Event]| events.iter().find(is).cloned();
    assert!(trace.wait_for(|events| accept(events).is_some()), "no accept was reported");
    let accept = trace.sees(accept).unwrap();
    // With many connections at once not every one is looked up, and the listener's owner is reported.
    assert_eq!(accept.pid, Some(server.pid()), "{accept:#?}");
    assert!(["diag", "procfs"].contains(&&*accept.attribution), "{accept:#?}");
    drop(client);
    let _ = trace.stop();
    let _ = server.finish();
}

/// A listener with a full backlog: the next SYN is dropped.
struct Full {
    _listener: OwnedFd,
    _first: TcpStream,
    address: SocketAddr,
}

impl Full {
    fn new() -> Self {
        let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let port = getsockname::<SockaddrIn>(listener.as_raw_fd()).unwrap().port();
        let address = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        // A backlog of zero holds one.
        let first = TcpStream::connect(address).unwrap();
        Self { _listener: listener, _first: first, address }
    }

    /// Connects in a thread; returns once the SYN is sent. The thread ends soon after the listener is closed.
    fn connect(&self) -> thread::JoinHandle<()> {
        let address = self.address;
        let connecting = thread::spawn(move || {
            let _ = TcpStream::connect_timeout(&address, Duration::from_secs(20));
        });
        // The peer in hexadecimal, and the state SYN-SENT.
        let wanted = format!("0100007F:{:04X} 02 ", address.port());
        until("the SYN is sent", || std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&wanted).then_some(()));
        connecting
    }

    /// Whether an event reports an unanswered connect to this listener.
    fn is_unanswered(&self, event: &Event) -> bool {
        event.name == "connection.open" && event.peer() == Some(self.address) && event.connect_ns.is_none()
    }
}

fn unanswered_for_long() {
    let full = Full::new();
    let trace = Trace::start(&["--no-standing"]);
    let connecting = full.connect();
    assert!(trace.wait_for(|events| events.iter().any(|event| full.is_unanswered(event))), "it was not reported");
    let seen = trace.stop();
    let reports: Vec<&Event> = seen.events.iter().filter(|event| full.is_unanswered(event)).collect();
    // Once, although the trace has ended since.
    assert_eq!(reports.len(), 1, "{reports:#?}");
    assert_eq!((reports[0].pid, reports[0].attribution.as_str()), (Some(std::process::id()), "cookie"));
    drop(full);
    connecting.join().unwrap();
}

fn unanswered_at_the_end() {
    let full = Full::new();
    let trace = Trace::start(&["--no-standing"]);
    let connecting = full.connect();
    let seen = trace.stop();
    let reports: Vec<&Event> = seen.events.iter().filter(|event| full.is_unanswered(event)).collect();
    assert_eq!(reports.len(), 1, "{:#?}", seen.events);
    assert_eq!(reports[0].pid, Some(std::process::id()));
    drop(full);
    connecting.join().unwrap();
}
