//! A datagram socket and its peers: connect, reconnect, disconnect, peek, and more peers than the tables hold.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

use egret_tests::{Answer, Event, Hand, Seen, Trace, traffic, until};
use libtest_mimic::Trial;

use crate::checks::{named, only};
use crate::{test, test_alone};

/// Bytes that `hand` sends at once.
const PAYLOAD: u64 = 7;
/// A port without a listener.
const CLOSED: &str = "127.0.0.1:9";
const ALSO_CLOSED: &str = "127.0.0.2:9";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("peers::peek_does_not_change_the_flows", peek),
        test("peers::each_peer_has_its_own_direction", direction),
        test("peers::each_peer_has_its_own_errors", errors),
        test("peers::reconnect_to_an_earlier_peer_continues_its_flow", reconnected),
        test("peers::send_without_an_address_counts_for_the_connected_peer", unnamed),
        test("peers::datagrams_after_a_disconnect_do_not_count_for_the_former_peer", disconnected),
        test("peers::failed_send_does_not_affect_later_sends", failed),
        test("peers::peeked_peer_has_no_events", only_peeked),
        test_alone("peers::peers_beyond_the_kernel_table_are_counted", || many(20_000)),
        test_alone("peers::peers_beyond_the_user_space_table_are_counted", || many(50_000)),
    ]
}

fn hand() -> Hand {
    Hand::start(&mut Command::new(traffic()))
}

/// A process that inherits this socket.
fn heir(socket: &UdpSocket) -> Hand {
    let mut command = Command::new(traffic());
    command.stderr(Stdio::from(std::os::fd::OwnedFd::from(socket.try_clone().unwrap())));
    let mut heir = Hand::start(&mut command);
    heir.make("inherit");
    heir
}

/// Receives a datagram that is on its way, with a socket that does not block.
fn take(hand: &mut Hand, command: &str) -> Answer {
    until("a datagram or an error", || {
        Some(hand.run(command)).filter(|answer| answer.error.as_deref() != Some("EAGAIN"))
    })
}

fn server() -> (UdpSocket, SocketAddr) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    (server, address)
}

/// Closes the socket, and stops the trace once the close was reported.
fn ended(trace: Trace, mut hand: Hand, cookie: u64) -> Seen {
    hand.make("close");
    assert!(trace.wait_for(|events| events.iter().any(|event| is_close(event, cookie))));
    trace.stop()
}

fn is_close(event: &Event, cookie: u64) -> bool {
    event.cookie() == cookie && event.name == "connection.close"
}

fn with<'a>(events: &[&'a Event], peer: SocketAddr) -> Vec<&'a Event> {
    events.iter().copied().filter(|event| event.peer() == Some(peer)).collect()
}

fn totals(events: &[&Event], peer: SocketAddr) -> (Option<u64>, Option<u64>) {
    let closed = only(&with(events, peer), "connection.close");
    (closed.sent, closed.received)
}

/// One process peeks, another receives: the peer is reported once.
fn peek() {
    let trace = Trace::start(&["--no-standing"]);
    let (socket, address) = server();
    let (mut first, mut second, mut client) = (heir(&socket), heir(&socket), hand());
    drop(socket);
    let mut clients = Vec::new();
    for _ in 0..3 {
        client.make("udp 127.0.0.1:0");
        client.make(&format!("connect {address}"));
        clients.push(client.make("send").local.unwrap());
        first.make("peek");
        second.make("receive");
    }
    let cookie = second.make("mark 0").cookie.unwrap();
    let pids = [first.pid(), second.pid()].map(Some);
    // Each process also has the socket as its standard error.
    drop((first, second));
    assert!(trace.wait_for(|events| events.iter().any(|event| is_close(event, cookie))));
    let seen = trace.stop();
    let events = seen.of_socket(cookie);
    for client in clients {
        let accepted = only(&with(&events, client), "accept");
        assert!(pids.contains(&accepted.pid), "{accepted:#?}");
        assert_eq!(totals(&events, client), (Some(0), Some(PAYLOAD)), "{events:#?}");
    }
}

fn direction() {
    let trace = Trace::start(&["--no-standing"]);
    let ((one, one_address), (_two, two_address)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    let answer = hand.make(&format!("send {CLOSED}"));
    one.send_to(b"hello", ("127.0.0.1", answer.local.unwrap().port())).unwrap();
    take(&mut hand, "receive");
    hand.make(&format!("connect {two_address}"));
    hand.make("send");
    let cookie = answer.cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    assert_eq!(named(&with(&events, one_address), "accept").len(), 1, "{events:#?}");
    assert_eq!(named(&with(&events, two_address), "datagram.send").len(), 1, "{events:#?}");
    assert_eq!(named(&with(&events, two_address), "accept").len(), 0, "{events:#?}");
    assert_eq!(totals(&events, one_address), (Some(0), Some(5)));
    assert_eq!(totals(&events, two_address), (Some(PAYLOAD), Some(0)));
}

fn errors() {
    let trace = Trace::start(&["--no-standing"]);
    let mut hand = hand();
    let mut cookie = hand.make("udp 127.0.0.1:0").cookie;
    for peer in [CLOSED, ALSO_CLOSED] {
        cookie = hand.make(&format!("connect {peer}")).cookie;
        hand.make("send");
        assert_eq!(take(&mut hand, "read").error.as_deref(), Some("ECONNREFUSED"));
    }
    let cookie = cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    for peer in [CLOSED, ALSO_CLOSED] {
        let failed = only(&with(&events, peer.parse().unwrap()), "connection.failed");
        assert_eq!(failed.error.as_deref(), Some("ECONNREFUSED"), "{failed:#?}");
    }
}

/// Each peer has one first and one last event, with the sum of its bytes.
fn reconnected() {
    let trace = Trace::start(&["--no-standing"]);
    let ((_one, one), (_two, two)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    for peer in [one, one, two, one, two, two] {
        hand.make(&format!("connect {peer}"));
        hand.make("send");
    }
    let cookie = hand.make("mark 0").cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    for peer in [one, two] {
        let events = with(&events, peer);
        assert_eq!(named(&events, "datagram.send").len(), 1, "{events:#?}");
        assert!(named(&events, "connection.open").len() <= 1, "{events:#?}");
        assert_eq!(totals(&events, peer), (Some(3 * PAYLOAD), Some(0)), "{events:#?}");
        let ids: std::collections::HashSet<_> = events.iter().map(|event| &event.connection).collect();
        assert_eq!(ids.len(), 1, "{events:#?}");
    }
}

fn unnamed() {
    let trace = Trace::start(&["--no-standing"]);
    let ((_one, one), (two, two_address)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    hand.make(&format!("connect {one}"));
    hand.make("send");
    hand.make(&format!("send {two_address}"));
    hand.make("send");
    hand.make("send");
    let cookie = hand.make(&format!("send {two_address}")).cookie.unwrap();
    drop(two);
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    assert_eq!(totals(&events, one), (Some(3 * PAYLOAD), Some(0)), "{events:#?}");
    assert_eq!(totals(&events, two_address), (Some(2 * PAYLOAD), Some(0)), "{events:#?}");
    for peer in [one, two_address] {
        assert_eq!(named(&with(&events, peer), "datagram.send").len(), 1, "{events:#?}");
    }
}

fn disconnected() {
    let trace = Trace::start(&["--no-standing"]);
    let ((_one, one), (stranger, _)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    hand.make(&format!("connect {one}"));
    let before = hand.make("send");
    hand.make("disconnect");
    // The disconnect unbinds the socket; the next send binds it again.
    let answer = hand.make(&format!("send {CLOSED}"));
    let port = answer.local.unwrap().port();
    stranger.send_to(b"stranger", ("127.0.0.1", port)).unwrap();
    take(&mut hand, "read");
    let cookie = before.cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    assert_eq!(totals(&events, one), (Some(PAYLOAD), Some(0)), "{events:#?}");
    assert_eq!(totals(&events, CLOSED.parse().unwrap()), (Some(PAYLOAD), Some(0)), "{events:#?}");
}

fn failed() {
    let trace = Trace::start(&["--no-standing"]);
    let ((_one, one), (_two, two)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    // A broadcast without permission fails in the call.
    let broadcast = "127.255.255.255:9";
    assert_eq!(hand.run(&format!("send {broadcast}")).error.as_deref(), Some("EACCES"));
    hand.make(&format!("send {one}"));
    let cookie = hand.make(&format!("send {two}")).cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    let refused = with(&events, broadcast.parse().unwrap());
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0].error.as_deref(), Some("EACCES"), "{refused:#?}");
    for peer in [one, two] {
        assert_eq!(totals(&events, peer), (Some(PAYLOAD), Some(0)), "{events:#?}");
    }
    // Other sockets may have lost peers meanwhile; this one has not.
    assert_eq!(named(&events, "connection.close").len(), 2, "{events:#?}");
}

fn only_peeked() {
    let trace = Trace::start(&["--no-standing"]);
    let ((one, one_address), (stranger, stranger_address)) = (server(), server());
    let mut hand = hand();
    hand.make("udp 127.0.0.1:0");
    let port = hand.make(&format!("send {one_address}")).local.unwrap().port();
    stranger.send_to(b"stranger", ("127.0.0.1", port)).unwrap();
    let cookie = take(&mut hand, "peek").cookie.unwrap();
    drop(one);
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    assert!(with(&events, stranger_address).is_empty(), "{events:#?}");
    assert_eq!(totals(&events, one_address), (Some(PAYLOAD), Some(0)), "{events:#?}");
}

/// Loopback has a /8 of addresses. Every peer is closed or counted as lost, and every close has totals or is counted.
fn many(peers: u32) {
    let trace = Trace::start(&["--no-standing", "--ring-size", "32MiB"]);
    let mut hand = hand();
    let mut cookie = hand.make("udp 127.0.0.1:0").cookie;
    for peer in 0..peers {
        let [_, a, b, c] = peer.to_be_bytes();
        cookie = hand.make(&format!("send 127.{}.{b}.{c}:9", a + 1)).cookie;
    }
    let cookie = cookie.unwrap();
    let seen = ended(trace, hand, cookie);
    let events = seen.of_socket(cookie);
    let closed = named(&events, "connection.close");
    let without_totals = closed.iter().filter(|event| event.sent.is_none()).count() as u64;
    let counted = |reason: &str| {
        let line = seen.stderr.lines().find_map(|line| line.split_once(reason)?.1.strip_prefix(": "));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let (evicted, forgotten) = (counted("peer_evicted"), counted("peer_forgotten"));
    assert_eq!(named(&events, "datagram.send").len(), peers as usize);
    assert!(closed.iter().all(|event| event.sent.is_none_or(|sent| sent == PAYLOAD)));
    assert!(without_totals > 0 || forgotten > 0, "{}", seen.stderr);
    assert!(evicted >= without_totals, "{evicted} {without_totals}: {}", seen.stderr);
    let unclosed = u64::from(peers) - closed.len() as u64;
    assert!(forgotten >= unclosed, "{forgotten} {unclosed}: {}", seen.stderr);
    assert!(closed.len() as u64 - without_totals > 0, "some came back");
}
