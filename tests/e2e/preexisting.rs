//! Connections that are older than egret.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use egret_tests::{Event, Namespace, Server, Trace, until};
use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, getsockname, listen, socket,
};

use crate::checks::only;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("preexisting::preexisting_sockets_are_listed_first_with_their_processes", listed),
        test("preexisting::preexisting_connection_is_reported_when_used_and_closed", used),
        test("preexisting::option_suppresses_the_list", unlisted),
        test("preexisting::each_start_gives_a_connection_a_new_id", named),
        test("preexisting::close_keeps_process_and_direction", idle),
        test("preexisting::connected_datagram_socket_is_one_connection", datagrams),
        test("preexisting::backlog_belongs_to_the_listener", backlog),
        test("preexisting::unanswered_connect_ends_as_failed", || unanswered(false)),
        test("preexisting::unanswered_connect_seen_by_another_trace_ends_as_failed", || unanswered(true)),
    ]
}

/// A server process, and a connection of this process to it.
fn connection() -> (Server, TcpStream) {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    // An answer proves that the connection was accepted.
    round_trip(&mut stream);
    (server, stream)
}

fn round_trip(stream: &mut TcpStream) {
    stream.write_all(b"12345").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
}

/// Whether an event is about a connection between these endpoints, in either direction. One endpoint is not enough:
/// the kernel gives a port in use to a connection to another peer.
fn is_between(event: &Event, [one, other]: [SocketAddr; 2]) -> bool {
    [(Some(one), Some(other)), (Some(other), Some(one))].contains(&(event.local(), event.peer()))
}

/// Both endpoints of a connection.
fn endpoints(stream: &TcpStream) -> [SocketAddr; 2] {
    [stream.local_addr().unwrap(), stream.peer_addr().unwrap()]
}

fn listed() {
    let (server, stream) = connection();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.connect(server.address).unwrap();
    let trace = Trace::start(&[]);
    // A new connection, to check the order.
    let new = TcpStream::connect(server.address).unwrap();
    let (own, other) = (stream.local_addr().unwrap(), server.address);
    assert!(trace.wait_for(|events| events.iter().any(|event| is_between(event, endpoints(&new)))));
    let seen = trace.stop();
    let first_new = seen.events.iter().position(|event| !event.preexisting).unwrap();
    // Later events of preexisting sockets are marked as well: the list is what precedes the first new event.
    let preexisting = &seen.events[..first_new];
    let of = |local, peer| -> Vec<&Event> {
        preexisting.iter().filter(|event| event.local() == Some(local) && event.peer() == peer).collect()
    };
    let own_pid = std::process::id();
    let own_path = std::env::current_exe().unwrap().canonicalize().unwrap();
    for (local, peer, name, pid, transport) in [
        (own, Some(other), "connection.open", own_pid, "tcp"),
        (other, Some(own), "accept", server.pid(), "tcp"),
        (other, None, "listen", server.pid(), "tcp"),
        (datagrams.local_addr().unwrap(), Some(other), "connection.open", own_pid, "udp"),
    ] {
        let events = of(local, peer);
        let event = only(&events, name);
        assert_eq!((event.pid, event.transport.as_deref()), (Some(pid), Some(transport)), "{event:#?}");
        let path = if pid == own_pid { own_path.clone() } else { egret_tests::traffic() };
        assert_eq!(event.path.as_deref().map(Path::new), Some(path.as_path()), "{event:#?}");
        assert!(event.started.is_some(), "{event:#?}");
    }
}

fn used() {
    let (server, mut stream) = connection();
    let trace = Trace::start(&[]);
    round_trip(&mut stream);
    let [own, other] = endpoints(&stream);
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    // The server's socket is identified by its cookie, the client's by its port.
    let accepted = seen.of_socket(report.total.socket());
    let is_own = |event: &&Event| (event.local(), event.peer()) == (Some(own), Some(other));
    let opened: Vec<_> = seen.events.iter().filter(is_own).collect();
    for (events, name, pid) in [(accepted, "accept", report.pid), (opened, "connection.open", std::process::id())] {
        let (first, closed) = (only(&events, name), only(&events, "connection.close"));
        assert_eq!((first.pid, closed.pid), (Some(pid), Some(pid)), "{events:#?}");
        assert_eq!(first.connection, closed.connection);
        // Its opening time is unknown.
        assert_eq!(closed.connection_ns, None, "{events:#?}");
        assert!(first.preexisting && closed.preexisting, "{events:#?}");
        assert_eq!(events.len(), 2, "{events:#?}");
    }
}

fn named() {
    let (_server, stream) = connection();
    let ids = [(); 2].map(|()| {
        let trace = Trace::start(&[]);
        let is_own = |event: &Event| is_between(event, endpoints(&stream)) && event.preexisting;
        assert!(trace.wait_for(|events| events.iter().filter(|event| is_own(event)).count() == 2));
        let seen = trace.stop();
        let ids = seen.events.iter().filter(|event| is_own(event)).map(|event| event.connection.clone());
        ids.collect::<HashSet<_>>()
    });
    assert_eq!(ids.each_ref().map(HashSet::len), [2, 2], "{ids:?}");
    assert!(ids[0].is_disjoint(&ids[1]), "{ids:?}");
}

fn unlisted() {
    let (server, mut stream) = connection();
    // Answered, so accepted: the first use of a connection by the server is reported.
    round_trip(&mut stream);
    let trace = Trace::start(&["--no-standing"]);
    let new = TcpStream::connect(server.address).unwrap();
    assert!(trace.wait_for(|events| events.iter().any(|event| is_between(event, endpoints(&new)))));
    let seen = trace.stop();
    let of_old: Vec<_> = seen.events.iter().filter(|event| is_between(event, endpoints(&stream))).collect();
    assert!(of_old.is_empty(), "{of_old:#?}");
}

/// Nobody uses it after the start: its last event has what the list had.
fn idle() {
    let (server, stream) = connection();
    let [own, other] = endpoints(&stream);
    let trace = Trace::start(&[]);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    let own_pid = std::process::id();
    for (endpoints, name, pid, inbound) in
        [((own, other), "connection.open", own_pid, false), ((other, own), "accept", report.pid, true)]
    {
        let is = |event: &&Event| (event.local(), event.peer()) == (Some(endpoints.0), Some(endpoints.1));
        let events: Vec<_> = seen.events.iter().filter(is).collect();
        let (first, closed) = (only(&events, name), only(&events, "connection.close"));
        assert_eq!((first.pid, closed.pid), (Some(pid), Some(pid)), "{events:#?}");
        assert_eq!((first.inbound, closed.inbound), (inbound, inbound), "{events:#?}");
        assert_eq!((&first.path, &first.connection), (&closed.path, &closed.connection), "{events:#?}");
        assert_eq!(events.len(), 2, "{events:#?}");
    }
}

/// Used after the start or not, it opens once and closes once, with the id from the list.
fn datagrams() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sockets = [(); 3].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(peer.local_addr().unwrap()).unwrap();
        socket
    });
    let trace = Trace::start(&[]);
    let [unused, sends, receives] = sockets;
    sends.send(b"12345").unwrap();
    peer.send_to(b"12345", receives.local_addr().unwrap()).unwrap();
    receives.recv(&mut [0; 5]).unwrap();
    let locals = [&unused, &sends, &receives].map(|socket| socket.local_addr().unwrap());
    drop((unused, sends, receives));
    let of = |events: &[Event], local| -> Vec<Event> {
        // A TCP socket may have the same port.
        let is = |event: &&Event| event.transport.as_deref() == Some("udp") && event.local() == Some(local);
        events.iter().filter(is).filter(|event| event.name != "accept").cloned().collect()
    };
    let is_over = |events: &[Event]| {
        locals.iter().all(|local| of(events, *local).iter().any(|event| event.name == "connection.close"))
    };
    assert!(trace.wait_for(is_over), "{:#?}", trace.sees(|events| locals.map(|local| of(events, local))));
    let seen = trace.stop();
    for (local, figures) in locals.into_iter().zip([(0, 0), (5, 0), (0, 5)]) {
        let events = of(&seen.events, local);
        let events: Vec<_> = events.iter().collect();
        let (first, closed) = (only(&events, "connection.open"), only(&events, "connection.close"));
        assert_eq!((closed.sent, closed.received), (Some(figures.0), Some(figures.1)), "{events:#?}");
        for event in &events {
            assert_eq!(event.connection, first.connection, "{events:#?}");
            assert_eq!((event.pid, event.inbound), (Some(std::process::id()), false), "{events:#?}");
        }
    }
}

/// A preexisting listener in another namespace, with connections from before and after the start.
fn backlog() {
    let namespace = Namespace::resolving("");
    let (listener, older) = namespace.within(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let older = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener, older)
    });
    let server = listener.local_addr().unwrap();
    let trace = Trace::start(&[]);
    let newer = namespace.within(|| TcpStream::connect(server).unwrap());
    for (stream, preexisting) in [(older, true), (newer, false)] {
        let endpoints = (Some(server), stream.local_addr().ok());
        let named = |events: &[Event], name: &str| {
            events.iter().find(|event| event.name == name && (event.local(), event.peer()) == endpoints).cloned()
        };
        assert!(trace.wait_for(|events| named(events, "accept").is_some()), "no accept is reported");
        let accepted = trace.sees(|events| named(events, "accept")).unwrap();
        assert_eq!((accepted.pid, accepted.preexisting), (Some(std::process::id()), preexisting), "{accepted:#?}");
        // Accepted and closed without data.
        drop((listener.accept().unwrap(), stream));
        assert!(trace.wait_for(|events| named(events, "connection.close").is_some()), "no close is reported");
        let closed = trace.sees(|events| named(events, "connection.close")).unwrap();
        assert_eq!((closed.pid, closed.inbound), (Some(std::process::id()), true), "{closed:#?}");
        assert_eq!(closed.connection, accepted.connection);
    }
}

/// Retransmissions of the SYN by the socket with this port (`retrnsmt` in Documentation/networking/proc_net_tcp.rst).
fn retransmissions(namespace: &Namespace, port: u16) -> u64 {
    let table = namespace.within(|| std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap());
    let local = format!(":{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|fields| fields[1].ends_with(&local)).expect("the socket is there");
    u64::from_str_radix(line[6], 16).unwrap()
}

/// A connect in progress at the start is reported once, and so is its end.
///
/// A socket has one set of callbacks for all programs: if another trace has enabled those of retransmissions, this
/// one receives them as well.
fn unanswered(is_watched: bool) {
    let other = is_watched.then(|| Trace::start(&[]));
    let namespace = Namespace::resolving("");
    let server = 4400 + u16::from(is_watched);
    let peer = SocketAddr::from(([127, 0, 0, 1], server));
    // The backlog holds one: the next SYN is dropped.
    let (socket, full) = namespace.within(|| {
        let full = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(full.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, server)).unwrap();
        listen(&full, Backlog::new(0).unwrap()).unwrap();
        let first = TcpStream::connect(peer).unwrap();
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let next = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
        assert_eq!(connect(next.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, server)), Err(Errno::EINPROGRESS));
        (next, (full, first))
    });
    let port = getsockname::<SockaddrIn>(socket.as_raw_fd()).unwrap().port();
    let of = |events: &[Event]| -> Vec<Event> {
        events.iter().filter(|event| event.local_port == Some(port) && event.peer() == Some(peer)).cloned().collect()
    };
    let trace = Trace::start(&[]);
    if is_watched {
        let before = retransmissions(&namespace, port);
        until("one more", || (retransmissions(&namespace, port) > before).then_some(()));
    }
    drop(socket);
    assert!(trace.wait_for(|events| of(events).iter().any(|event| event.name == "connection.failed")));
    drop(other);
    let events = of(&trace.stop().events);
    let events: Vec<_> = events.iter().collect();
    let (opened, failed) = (only(&events, "connection.open"), only(&events, "connection.failed"));
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(opened.connection, failed.connection);
    assert!(events.iter().all(|event| event.pid == Some(std::process::id()) && event.preexisting), "{events:#?}");
    drop(full);
}
