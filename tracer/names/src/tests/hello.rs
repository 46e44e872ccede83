//! The server name in a ClientHello.

use egret_model::{NameSource, Server};

use super::packets::*;
use crate::{Names, Segment};

const SERVER: &str = "203.0.113.7:443";

fn client() -> Socket {
    Socket::new(2, 10).to(SERVER)
}

fn found(names: &mut Names) -> Option<Server> {
    names.find(by(2, Some(10)), client().remote.ip(), at(2.0))
}

fn server_name(names: &mut Names) -> Option<String> {
    found(names).filter(|server| server.source == NameSource::Sni).map(|server| server.name.to_string())
}

/// Sends bytes in packets of this size.
fn send(names: &mut Names, bytes: &[u8], size: usize) {
    for (n, part) in bytes.chunks(size).enumerate() {
        names.hello(&client().tcp(1.0, u32::try_from(n * size).unwrap().wrapping_sub(700), part));
    }
}

/// A ClientHello of the size of those with post-quantum keys, with the name after the keys.
fn large(server: &str, record: usize) -> Vec<u8> {
    client_hello(&[extension(51, &[5; 1800]), extension(0x2a2a, &[0]), sni(server)].concat(), record)
}

#[test]
fn server_name_overrides_dns() {
    let mut names = names();
    Socket::new(1, 10).hears(&mut names, 0.0, &answers(5, "a.example", [address("a.example", 60, "203.0.113.7")]));
    assert_eq!(found(&mut names).unwrap().source, NameSource::Dns);
    send(&mut names, &client_hello(&sni("B.example"), 16_384), 1448);
    assert_eq!(server_name(&mut names).as_deref(), Some("b.example"));
    let other = names.find(by(3, Some(10)), client().remote.ip(), at(2.0)).unwrap();
    assert_eq!((&*other.name, other.source), ("a.example", NameSource::Dns));
    assert_eq!(names.state().server_names, 1);
}

#[test]
fn client_hello_is_split_into_packets_and_records() {
    for (record, size) in [(16_384, 1448), (16_384, 1), (400, 1448), (100, 7), (1, 64)] {
        let mut names = names();
        send(&mut names, &large("a.example", record), size);
        assert_eq!(server_name(&mut names).as_deref(), Some("a.example"), "{record} {size}");
    }
}

#[test]
fn client_hello_is_reassembled() {
    let bytes = large("a.example", 16_384);
    let packet = |at: usize, end: usize| client().tcp(1.0, u32::try_from(at).unwrap(), &bytes[at..end]);
    let mut names = names();
    for (begin, end) in [(0, 500), (1400, bytes.len()), (0, 500), (300, 900), (800, 1500)] {
        names.hello(&packet(begin, end));
    }
    assert_eq!(server_name(&mut names).as_deref(), Some("a.example"));
}

#[test]
fn truncated_client_hello_is_parsed_as_far_as_captured() {
    let early = client_hello(&[sni("a.example"), extension(51, &[5; 1800])].concat(), 16_384);
    let late = large("a.example", 16_384);
    for (bytes, known) in [(early, true), (late, false)] {
        let mut names = names();
        let segment = client().tcp(1.0, 0, &bytes[..512]);
        names.hello(&Segment { length: bytes.len(), ..segment });
        assert_eq!(server_name(&mut names).is_some(), known);
        assert_eq!(names.state().malformed, 0);
    }
}

#[test]
fn client_hello_within_a_tunnel_is_ignored() {
    let mut names = names();
    let bytes = client_hello(&sni("a.example"), 16_384);
    names.hello(&client().tcp(1.0, 0, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"));
    names.hello(&client().tcp(1.1, 34, &bytes));
    assert_eq!(server_name(&mut names), None);
    assert_eq!(names.state().malformed, 0);
}

#[test]
fn first_client_hello_is_used() {
    let mut names = names();
    let (first, second) = (client_hello(&sni("a.example"), 16_384), client_hello(&sni("b.example"), 16_384));
    names.hello(&client().tcp(1.0, 0, &first));
    names.hello(&client().tcp(1.1, u32::try_from(first.len()).unwrap(), &second));
    assert_eq!(server_name(&mut names).as_deref(), Some("a.example"));
}

#[test]
fn client_hello_without_a_valid_name_is_ignored() {
    for extensions in [Vec::new(), extension(16, b"\0\x03\x02h2"), sni("192.0.2.1"), sni("a\nb"), sni("")] {
        let mut names = names();
        send(&mut names, &client_hello(&extensions, 16_384), 1448);
        assert_eq!(found(&mut names), None);
        assert_eq!((names.state().server_names, names.state().malformed), (0, 0));
    }
}

#[test]
fn malformed_client_hello_is_counted_once() {
    let mut long_session = client_hello(&[], 16_384);
    long_session[43] = 33;
    for mut bytes in [client_hello(&extension(0, &[0, 9, 0, 0, 200, b'a']), 16_384), long_session] {
        let mut names = names();
        bytes.extend(client_hello(&sni("a.example"), 16_384));
        send(&mut names, &bytes, 1448);
        send(&mut names, &bytes, 1448);
        assert_eq!(found(&mut names), None);
        assert_eq!(names.state().malformed, 1);
    }
}

#[test]
fn look_up_is_attributed_by_server_name() {
    let mut names = names();
    for (id, asked) in [(5, "a.example"), (6, "b.example")] {
        let resolver = Socket::new(u64::from(id), 10);
        resolver.asks(&mut names, f64::from(id) / 10.0 - 0.1, &asks(id, asked));
        resolver.hears(&mut names, f64::from(id) / 10.0, &answers(id, asked, [address(asked, 60, "203.0.113.7")]));
    }
    // Two connections to one address: by time alone, the first would get the second name.
    let peer = client().remote.ip();
    assert_eq!(&*names.find(by(2, Some(10)), peer, at(0.9)).unwrap().name, "b.example");
    send(&mut names, &client_hello(&sni("a.example"), 16_384), 1448);
    let first = found(&mut names).unwrap();
    assert_eq!((&*first.name, first.resolution.unwrap().answered), ("a.example", at(0.5)));
    let second = names.find(by(3, Some(10)), peer, at(1.1)).unwrap();
    assert_eq!((&*second.name, second.resolution.unwrap().answered), ("b.example", at(0.6)));
}

#[test]
fn greetings_of_one_user_do_not_displace_those_of_another() {
    let mut names = names();
    let bytes = large("a.example", 16_384);
    let (first, rest) = bytes.split_at(500);
    names.hello(&client().tcp(1.0, 0, first));
    for cookie in 0..1000 {
        let socket = Socket::new(1_000_000 + cookie, 66).of_user(1000).to(SERVER);
        names.hello(&socket.tcp(1.0, 0, first));
    }
    names.hello(&client().tcp(1.0, 500, rest));
    assert_eq!(server_name(&mut names).as_deref(), Some("a.example"));
}
