//! Totals of open connections.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use egret_tests::{Event, Server, Sum, Trace, cookie_of, egret, until};
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::checks::{named, only};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("totals::idle_connection_reports_its_burst", burst),
        test("totals::every_peer_of_a_datagram_socket_is_updated", datagrams),
        test("totals::connected_datagram_socket_is_updated", connected),
        test("totals::updates_of_a_preexisting_connection_count_from_the_start", preexisting),
        test("totals::unused_preexisting_connection_has_no_update", unused),
        test("totals::open_connections_are_updated_at_the_end", ended),
        test("totals::updates_are_not_shown_by_default", unasked),
        test("totals::summary_adds_up_closed_and_open_connections", sums),
    ]
}

/// A short interval, so that tests are short.
const OFTEN: [&str; 2] = ["--totals", "200ms"];

/// The events of the socket with this cookie.
fn of_socket(events: &[Event], cookie: u64) -> Vec<&Event> {
    events.iter().filter(|event| event.cookie() == cookie).collect()
}

/// Sends `bytes` bytes, and reads as many.
fn echo(stream: &mut TcpStream, bytes: usize) {
    let mut back = vec![0; 1000];
    for _ in 0..bytes / back.len() {
        stream.write_all(&vec![7; back.len()]).unwrap();
        stream.read_exact(&mut back).unwrap();
    }
}

/// Waits until an update of a socket has these totals.
fn wait_for_update(trace: &Trace, socket: u64, sent: u64, received: u64) {
    let updated = trace.wait_for(|events| {
        of_socket(events, socket).iter().any(|event| {
            event.name == "connection.update" && (event.sent, event.received) == (Some(sent), Some(received))
        })
    });
    assert!(updated, "no {sent} and {received} among {:#?}", trace.sees(|events| events.to_vec()));
}

/// Asserts that each event has the difference to the total before.
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
    let socket = cookie_of(&stream);
    echo(&mut stream, 100_000);
    // No more bytes are sent.
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
    let moved = |event: &Event| event.sent.unwrap() + event.received.unwrap();
    assert!(updates.windows(2).all(|pair| moved(pair[0]) < moved(pair[1])), "an update without news: {events:#?}");
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
            let of_client = of_socket(events, cookie_of(&client));
            servers.iter().all(|server| {
                let updated = |event: &&&Event| event.name == "connection.update" && event.sent == Some(sent);
                of_client.iter().filter(updated).any(|event| event.peer() == Some(server.address))
            })
        })
    };
    send(10);
    // The last peer is stored with the socket, the others in a table.
    assert!(has(5_000), "{:#?}", trace.sees(|events| events.to_vec()));
    send(10);
    assert!(has(10_000), "{:#?}", trace.sees(|events| events.to_vec()));
    send(1);
    let socket = cookie_of(&client);
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

fn connected() {
    let server = Server::start("udp-sink", "127.0.0.1");
    let trace = Trace::start(&OFTEN);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address).unwrap();
    let socket = cookie_of(&client);
    let send = |datagrams: usize| (0..datagrams).for_each(|_| assert_eq!(client.send(&[7; 300]).unwrap(), 300));
    send(10);
    wait_for_update(&trace, socket, 3_000, 0);
    send(5);
    wait_for_update(&trace, socket, 4_500, 0);
    send(1);
    drop(client);
    assert!(trace.wait_for(|events| !named(&of_socket(events, socket), "connection.close").is_empty()));
    let seen = trace.stop();
    let events = of_socket(&seen.events, socket);
    check_sums(&events);
    assert_eq!(only(&events, "connection.close").sent, Some(4_800), "{events:#?}");
}

/// Both sockets are preexisting, and keep the ids of the list.
fn preexisting() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = cookie_of(&stream);
    echo(&mut stream, 70_000);
    let trace = Trace::start(&OFTEN);
    echo(&mut stream, 5_000);
    wait_for_update(&trace, socket, 5_000, 5_000);
    echo(&mut stream, 2_000);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    let (own, accepted) = (of_socket(&seen.events, socket), seen.of_socket(report.total.socket()));
    for (events, beginning) in [(own, "connection.open"), (accepted, "accept")] {
        let closed = only(&events, "connection.close");
        assert_eq!((closed.sent, closed.received), (Some(7_000), Some(7_000)), "{events:#?}");
        assert_eq!(only(&events, beginning).connection, closed.connection, "{events:#?}");
        check_sums(&events);
    }
}

fn unused() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = cookie_of(&stream);
    echo(&mut stream, 4_000);
    let trace = Trace::start(&OFTEN);
    drop(stream);
    let is_end = |event: &Event| event.cookie() == socket && event.name == "connection.close";
    assert!(trace.wait_for(|events| events.iter().any(is_end)));
    let seen = trace.stop();
    let events = of_socket(&seen.events, socket);
    assert!(named(&events, "connection.update").is_empty(), "{events:#?}");
    assert_eq!(only(&events, "connection.close").sent_delta, None, "{events:#?}");
}

/// With an interval longer than the test, the totals come at the end of the trace.
fn ended() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let trace = Trace::start(&["--totals", "1h"]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = cookie_of(&stream);
    echo(&mut stream, 9_000);
    let seen = trace.stop();
    let events = of_socket(&seen.events, socket);
    let updates = named(&events, "connection.update");
    let update = updates.last().unwrap();
    assert_eq!((update.sent, update.received), (Some(9_000), Some(9_000)), "{events:#?}");
    assert_eq!(update.connection, only(&events, "connection.open").connection, "{events:#?}");
    drop(stream);
}

fn unasked() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let trace = Trace::start(&[]);
    let asked = Trace::start(&OFTEN);
    let mut stream = TcpStream::connect(server.address).unwrap();
    echo(&mut stream, 1_000);
    wait_for_update(&asked, cookie_of(&stream), 1_000, 1_000);
    drop(stream);
    let report = server.finish();
    let seen = trace.stop_after(&report);
    assert!(named(&seen.events.iter().collect::<Vec<_>>(), "connection.update").is_empty());
    let closed = seen.of_socket(report.total.socket());
    assert_eq!(only(&closed, "connection.close").sent_delta, None, "{closed:#?}");
    drop(asked.stop());
}

/// Runs `traffic` under a trace with `--sum-by`; returns the printed sums.
fn summed(server: &Server, arguments: &[&str], traffic: impl FnOnce()) -> String {
    let port = server.address.port().to_string();
    let mut command = Command::new(egret());
    command.args(["trace", "--direction", "out", "--port", &port, "--sum-by", "port,direction,exe"]).args(arguments);
    let mut trace = command.env("EGRET_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stderr, mut buffer) = (trace.stderr.take().unwrap(), [0; 4096]);
    let mut said = String::new();
    let mut read = || {
        let length = stderr.read(&mut buffer).unwrap();
        said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        (length == 0 || said.contains("capture started")).then_some(())
    };
    until("a capture", &mut read);
    traffic();
    kill(Pid::from_raw(trace.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    stderr.read_to_string(&mut said).unwrap();
    let output = trace.wait_with_output().unwrap();
    assert!(output.status.success(), "{said}");
    assert!(Sum::of(&said).delivered > 0, "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// One connection is closed, the other is open when the trace is stopped.
fn sums() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let connect = |bytes| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        echo(&mut stream, bytes);
        stream
    };
    let mut open = None;
    let lines = summed(&server, &["--format", "json"], || {
        drop(connect(5_000));
        open = Some(connect(9_000));
    });
    let sums: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [sum] = &*sums else { panic!("{lines}") };
    let figures = ["connections", "bytes_sent", "bytes_received"].map(|figure| sum[figure].as_u64());
    assert_eq!(figures, [Some(2), Some(14_000), Some(14_000)], "{lines}");
    assert_eq!(
        (&sum["port"], &sum["direction"]),
        (&server.address.port().to_string().into(), &"out".into()),
        "{lines}"
    );
    let table = summed(&server, &["--no-standing", "--top", "1"], || drop(connect(2_000)));
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows.len() == 2 && rows[0].starts_with("PORT") && rows[0].ends_with("RECEIVED"), "{table}");
    drop(open);
}
