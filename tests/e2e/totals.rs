//! What connections that are open have moved.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use egret_tests::{Event, Server, Trace};
use libtest_mimic::Trial;

use crate::checks::{named, only};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("totals::idle_connection_reports_its_burst", burst),
        test("totals::every_peer_of_a_datagram_socket_is_updated", datagrams),
        test("totals::preexisting_connection_has_the_totals_of_its_whole_life", preexisting),
        test("totals::preexisting_connection_that_is_never_used_has_its_totals", unused),
        test("totals::not_shown_unless_asked_for", unasked),
    ]
}

/// Soon, so that a test need not wait for long.
const OFTEN: [&str; 2] = ["--totals", "200ms"];

fn local(event: &Event, socket: SocketAddr) -> bool {
    event.local_port == Some(socket.port()) && event.pid.is_none_or(|pid| pid == std::process::id())
}

/// The events of this process's socket.
fn of_socket(events: &[Event], socket: SocketAddr) -> Vec<&Event> {
    events.iter().filter(|event| local(event, socket)).collect()
}

/// Sends so many bytes, and reads as many.
fn echo(stream: &mut TcpStream, bytes: usize) {
    let mut back = vec![0; 1000];
    for _ in 0..bytes / back.len() {
        stream.write_all(&vec![7; back.len()]).unwrap();
        stream.read_exact(&mut back).unwrap();
    }
}

/// Waits until an update of a socket has these totals.
fn wait_for_update(trace: &Trace, socket: SocketAddr, sent: u64, received: u64) {
    let updated = trace.wait_for(|events| {
        of_socket(events, socket).iter().any(|event| {
            event.name == "connection.update" && (event.sent, event.received) == (Some(sent), Some(received))
        })
    });
    assert!(updated, "no {sent} and {received} among {:#?}", trace.sees(|events| events.to_vec()));
}

/// Each event of a connection adds what its total has grown by.
fn check_sums(events: &[&Event]) {
    let closed = only(events, "connection.close");
    let counted = || events.iter().filter(|event| ["connection.update", "connection.close"].contains(&&*event.name));
    let sent: u64 = counted().filter_map(|event| event.sent_delta.or(event.sent)).sum();
    let received: u64 = counted().filter_map(|event| event.received_delta.or(event.received)).sum();
    assert_eq!((Some(sent), Some(received)), (closed.sent, closed.received), "{events:#?}");
    assert!(counted().all(|event| event.connection == closed.connection), "{events:#?}");
}

fn burst() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let trace = Trace::start(&OFTEN);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = stream.local_addr().unwrap();
    echo(&mut stream, 100_000);
    // Nothing moves any more.
    wait_for_update(&trace, socket, 100_000, 100_000);
    echo(&mut stream, 20_000);
    wait_for_update(&trace, socket, 120_000, 120_000);
    echo(&mut stream, 3_000);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    let events = of_socket(&seen.events, socket);
    check_sums(&events);
    assert_eq!(only(&events, "connection.close").sent, Some(123_000), "{events:#?}");
    let updates = named(&events, "connection.update");
    assert!(updates.iter().all(|event| event.connection_ns.is_some() && event.transport.as_deref() == Some("tcp")));
    assert!(updates.windows(2).all(|pair| pair[0].sent < pair[1].sent), "an update without news: {events:#?}");
    check_sums(&seen.of_socket(report.total.socket()));
}

fn datagrams() {
    let servers: Vec<_> = (0..3).map(|_| Server::start("udp-sink", "127.0.0.1")).collect();
    let trace = Trace::start(&OFTEN);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |rounds: usize| {
        for server in servers.iter().cycle().take(rounds * servers.len()) {
            assert_eq!(client.send_to(&[7; 500], server.address).unwrap(), 500);
        }
    };
    let has = |sent: u64| {
        trace.wait_for(|events| {
            let of_client = of_socket(events, client.local_addr().unwrap());
            servers.iter().all(|server| {
                let updated = |event: &&&Event| event.name == "connection.update" && event.sent == Some(sent);
                of_client.iter().filter(updated).any(|event| event.peer() == Some(server.address))
            })
        })
    };
    send(10);
    // The last to be sent to is the socket's own peer, the others are in a table.
    assert!(has(5_000), "{:#?}", trace.sees(|events| events.to_vec()));
    send(10);
    assert!(has(10_000), "{:#?}", trace.sees(|events| events.to_vec()));
    send(1);
    let socket = client.local_addr().unwrap();
    drop(client);
    let ended = |events: &[Event]| named(&of_socket(events, socket), "connection.close").len() == servers.len();
    assert!(trace.wait_for(ended));
    let seen = trace.stop();
    for server in &servers {
        let events = of_socket(&seen.events, socket);
        let of_peer: Vec<_> = events.into_iter().filter(|event| event.peer() == Some(server.address)).collect();
        check_sums(&of_peer);
        assert_eq!(only(&of_peer, "connection.close").sent, Some(10_500), "{of_peer:#?}");
    }
}

/// Its end says what the connection moved in all; the events say what moved while they were watched.
fn preexisting() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = stream.local_addr().unwrap();
    echo(&mut stream, 70_000);
    let trace = Trace::start(&OFTEN);
    echo(&mut stream, 5_000);
    wait_for_update(&trace, socket, 75_000, 75_000);
    echo(&mut stream, 2_000);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    for events in [of_socket(&seen.events, socket), seen.of_socket(report.total.socket())] {
        let closed = only(&events, "connection.close");
        assert_eq!((closed.sent, closed.received), (Some(77_000), Some(77_000)), "{events:#?}");
        let watched: u64 = events.iter().filter_map(|event| event.sent_delta).sum();
        assert_eq!(watched, 7_000, "{events:#?}");
    }
}

fn unused() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = stream.local_addr().unwrap();
    echo(&mut stream, 4_000);
    let trace = Trace::start(&OFTEN);
    drop(stream);
    let is_end = |event: &Event| event.local() == Some(socket) && event.name == "connection.close";
    assert!(trace.wait_for(|events| events.iter().any(is_end)));
    let seen = trace.stop();
    let closed = seen.events.iter().find(|event| is_end(event)).unwrap();
    assert_eq!((closed.sent, closed.received), (Some(4_000), Some(4_000)), "{closed:#?}");
    assert_eq!((closed.sent_delta, closed.received_delta), (Some(0), Some(0)), "{closed:#?}");
}

fn unasked() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let trace = Trace::start(&[]);
    let asked = Trace::start(&OFTEN);
    let mut stream = TcpStream::connect(server.address).unwrap();
    echo(&mut stream, 1_000);
    wait_for_update(&asked, stream.local_addr().unwrap(), 1_000, 1_000);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    assert!(named(&seen.events.iter().collect::<Vec<_>>(), "connection.update").is_empty());
    let closed = seen.of_socket(report.total.socket());
    assert_eq!(only(&closed, "connection.close").sent_delta, None, "{closed:#?}");
    drop(asked.stop());
}
