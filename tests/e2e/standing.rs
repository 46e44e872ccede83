//! Connections that stood before egret did.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;

use egret_tests::{Event, Server, Trace};
use libtest_mimic::Trial;

use crate::checks::only;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("standing::listed_first_under_their_processes", listed),
        test("standing::used_and_closed_later", used),
        test("standing::not_listed_on_request", unlisted),
    ]
}

/// A server of its own process, and a connection of this one to it.
fn connection() -> (Server, TcpStream) {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    // An answer shows that it was accepted.
    round_trip(&mut stream);
    (server, stream)
}

fn round_trip(stream: &mut TcpStream) {
    stream.write_all(b"12345").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
}

/// Whether an event is about a connection between these, in either direction. One end would not do: the kernel gives a
/// port in use to a connection to somewhere else.
fn is_between(event: &Event, [one, other]: [SocketAddr; 2]) -> bool {
    [(Some(one), Some(other)), (Some(other), Some(one))].contains(&(event.local(), event.peer()))
}

/// Both ends of a connection.
fn ends(stream: &TcpStream) -> [SocketAddr; 2] {
    [stream.local_addr().unwrap(), stream.peer_addr().unwrap()]
}

fn listed() {
    let (server, stream) = connection();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.connect(server.address).unwrap();
    let trace = Trace::start(&[]);
    // Something new, so that there is an order to see.
    let new = TcpStream::connect(server.address).unwrap();
    let (own, other) = (stream.local_addr().unwrap(), server.address);
    assert!(trace.wait_for(|events| events.iter().any(|event| is_between(event, ends(&new)))));
    let seen = trace.stop();
    let first_new = seen.events.iter().position(|event| !event.standing).unwrap();
    // What stood and is used or closed later is marked too: the list is what comes before anything new.
    let standing = &seen.events[..first_new];
    let of = |local, peer| -> Vec<&Event> {
        standing.iter().filter(|event| event.local() == Some(local) && event.peer() == peer).collect()
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
    stream.shutdown(Shutdown::Both).unwrap();
    let [own, other] = ends(&stream);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    // As the server's own cookie names it, and the client's by its port.
    let accepted = seen.of_socket(report.total.socket());
    let is_own = |event: &&Event| (event.local(), event.peer()) == (Some(own), Some(other));
    let opened: Vec<_> = seen.events.iter().filter(is_own).collect();
    for (events, name, pid) in [(accepted, "accept", report.pid), (opened, "connection.open", std::process::id())] {
        let (first, closed) = (only(&events, name), only(&events, "connection.close"));
        assert_eq!((first.pid, closed.pid), (Some(pid), Some(pid)), "{events:#?}");
        assert_eq!(first.connection, closed.connection);
        // Nobody saw when it was opened.
        assert_eq!(closed.connection_ns, None, "{events:#?}");
        assert!(first.standing && closed.standing, "{events:#?}");
        assert_eq!(events.len(), 2, "{events:#?}");
    }
}

fn unlisted() {
    let (server, mut stream) = connection();
    // Answered, so accepted: what the server does first with a connection is told.
    round_trip(&mut stream);
    let trace = Trace::start(&["--no-standing"]);
    let new = TcpStream::connect(server.address).unwrap();
    assert!(trace.wait_for(|events| events.iter().any(|event| is_between(event, ends(&new)))));
    let seen = trace.stop();
    let of_old: Vec<_> = seen.events.iter().filter(|event| is_between(event, ends(&stream))).collect();
    assert!(of_old.is_empty(), "{of_old:#?}");
}
