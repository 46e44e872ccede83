//! Names of connections from earlier packets.

use egret_model::{NameSource, Server};

use super::packets::*;
use crate::Names;

fn name_of(server: Option<Server>) -> Option<String> {
    server.map(|server| server.name.to_string())
}

/// A look-up from question to answer, a tenth of a second long.
pub(super) fn look_up(names: &mut Names, socket: Socket, time: f64, asked: &str, ttl: u32, to: &str) {
    socket.asks(names, time - 0.1, &asks(5, asked));
    socket.hears(names, time, &answers(5, asked, [address(asked, ttl, to)]));
}

#[test]
fn address_has_the_queried_name() {
    let mut names = names();
    let resolver = Socket::new(1, 10);
    resolver.asks(&mut names, 0.0, &asks(5, "WWW.Example.com"));
    let chain = [
        alias("www.example.com", 30, "cdn.example.net"),
        alias("cdn.example.net", 300, "edge.example.org"),
        address("edge.example.org", 300, "203.0.113.7"),
        address("edge.example.org", 300, "2001:db8::7"),
    ];
    resolver.hears(&mut names, 0.25, &answers(5, "WWW.Example.com", chain));
    let server = names.find(by(2, Some(10)), ip("203.0.113.7"), at(0.5)).unwrap();
    assert_eq!((&*server.name, server.source), ("www.example.com", NameSource::Dns));
    let resolution = server.resolution.unwrap();
    assert_eq!((resolution.asked, resolution.answered), (at(0.0), at(0.25)));
    assert_eq!(resolution.resolver, RESOLVER.parse().unwrap());
    assert_eq!(name_of(names.find(by(3, Some(11)), ip("2001:db8::7"), at(0.5))).as_deref(), Some("www.example.com"));
    assert_eq!(name_of(names.find(by(4, Some(11)), ip("203.0.113.8"), at(0.5))), None);
}

#[test]
fn mapped_address_equals_its_ipv4_address() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", 60, "203.0.113.7");
    assert!(names.find(by(2, None), ip("::ffff:203.0.113.7"), at(0.1)).is_some());
}

#[test]
fn own_answers_precede_answers_to_other_processes() {
    let mut names = names();
    let (application, stub) = (Socket::new(1, 10).to("127.0.0.53:53"), Socket::new(2, 900));
    // The stub asks for what the application's name is an alias of, and answers the application before others ask.
    look_up(&mut names, stub, 0.9, "edge.example.net", 60, "203.0.113.7");
    look_up(&mut names, application, 1.0, "www.example.com", 60, "203.0.113.7");
    look_up(&mut names, Socket::new(3, 11), 2.0, "other.example", 60, "203.0.113.7");
    let peer = ip("203.0.113.7");
    assert_eq!(name_of(names.find(by(4, Some(10)), peer, at(3.0))).as_deref(), Some("www.example.com"));
    assert_eq!(name_of(names.find(by(5, Some(900)), peer, at(3.0))).as_deref(), Some("edge.example.net"));
    assert_eq!(name_of(names.find(by(6, Some(77)), peer, at(3.0))).as_deref(), Some("other.example"));
    assert_eq!(name_of(names.find(by(7, None), peer, at(3.0))).as_deref(), Some("other.example"));
}

#[test]
fn answer_does_not_name_earlier_connections() {
    let mut names = names();
    let peer = ip("203.0.113.7");
    look_up(&mut names, Socket::new(1, 10), 1.0, "first.example", 60, "203.0.113.7");
    look_up(&mut names, Socket::new(1, 10), 3.0, "second.example", 60, "203.0.113.7");
    assert_eq!(name_of(names.find(by(2, Some(10)), peer, at(0.5))), None);
    assert_eq!(name_of(names.find(by(3, Some(10)), peer, at(2.0))).as_deref(), Some("first.example"));
    assert_eq!(name_of(names.find(by(4, Some(10)), peer, at(4.0))).as_deref(), Some("second.example"));
}

#[test]
fn connection_keeps_its_name() {
    let mut names = names();
    let peer = ip("203.0.113.7");
    look_up(&mut names, Socket::new(1, 10), 1.0, "first.example", 60, "203.0.113.7");
    let opened = names.find(by(2, Some(10)), peer, at(1.5));
    look_up(&mut names, Socket::new(1, 10), 3.0, "second.example", 60, "203.0.113.7");
    assert_eq!(names.find(by(2, Some(10)), peer, at(40_000.0)), opened);
    names.remove(2);
    assert_eq!(name_of(names.find(by(2, Some(10)), peer, at(4.0))).as_deref(), Some("second.example"));
}

#[test]
fn name_is_valid_for_its_ttl_and_at_least_the_floor() {
    for (ttl, holds) in [(0, 60.0), (59, 60.0), (300, 300.0), (u32::MAX, 60.0), (i32::MAX.unsigned_abs(), 604_800.0)] {
        let mut names = names();
        look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", ttl, "203.0.113.7");
        assert!(names.find(by(2, None), ip("203.0.113.7"), at(holds - 0.1)).is_some(), "{ttl}");
        assert!(names.find(by(3, None), ip("203.0.113.7"), at(holds + 0.1)).is_none(), "{ttl}");
    }
}

#[test]
fn setting_the_wall_clock_keeps_lifetimes() {
    for hour in [-3600.0, 3600.0] {
        let mut names = names();
        look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", 100, "203.0.113.9");
        names.shift(at(hour).0 - at(0.0).0);
        let mut found = |cookie, time| name_of(names.find(by(cookie, None), ip("203.0.113.9"), at(hour + time)));
        assert_eq!(found(2, 99.0).as_deref(), Some("a.example"), "{hour}");
        assert_eq!(found(3, 101.0), None, "{hour}");
    }
}

#[test]
fn minimum_ttl_of_the_chain_applies() {
    let mut names = names();
    let chain = [alias("a.example", 100, "b.example"), address("b.example", 300, "203.0.113.7")];
    Socket::new(1, 10).hears(&mut names, 0.0, &answers(5, "a.example", chain));
    assert!(names.find(by(2, None), ip("203.0.113.7"), at(99.0)).is_some());
    assert!(names.find(by(3, None), ip("203.0.113.7"), at(101.0)).is_none());
}

#[test]
fn look_up_is_attributed_to_the_first_connection() {
    let mut names = names();
    let peer = ip("203.0.113.7");
    look_up(&mut names, Socket::new(1, 10), 1.0, "a.example", 600, "203.0.113.7");
    let resolution = |names: &mut Names, cookie, process, time| {
        names.find(by(cookie, Some(process)), peer, at(time)).and_then(|server| server.resolution)
    };
    assert!(resolution(&mut names, 2, 11, 1.1).is_none(), "another process did not ask");
    assert!(resolution(&mut names, 3, 10, 1.2).is_some());
    assert!(resolution(&mut names, 3, 10, 500.0).is_some(), "the same connection, when it ends");
    assert!(resolution(&mut names, 4, 10, 1.3).is_none(), "a second connection did not wait for it");
    look_up(&mut names, Socket::new(1, 10), 10.0, "a.example", 600, "203.0.113.7");
    assert!(resolution(&mut names, 5, 10, 16.0).is_none(), "too late to have waited for it");
}

#[test]
fn answer_without_a_question_has_no_look_up() {
    let mut names = names();
    Socket::new(1, 10).hears(&mut names, 0.0, &answers(5, "a.example", [address("a.example", 60, "203.0.113.7")]));
    let server = names.find(by(2, Some(10)), ip("203.0.113.7"), at(0.1)).unwrap();
    assert_eq!((&*server.name, server.resolution), ("a.example", None));
}

#[test]
fn repeated_question_keeps_its_time() {
    let mut names = names();
    let resolver = Socket::new(1, 10);
    resolver.asks(&mut names, 0.0, &asks(5, "a.example"));
    resolver.asks(&mut names, 5.0, &asks(5, "a.example"));
    resolver.hears(&mut names, 5.1, &answers(5, "a.example", [address("a.example", 60, "203.0.113.7")]));
    let server = names.find(by(2, Some(10)), ip("203.0.113.7"), at(5.2)).unwrap();
    assert_eq!(server.resolution.unwrap().asked, at(0.0));
}

#[test]
fn unsolicited_answer_is_ignored() {
    let mut names = names();
    let resolver = Socket::new(1, 10);
    resolver.asks(&mut names, 0.0, &asks(5, "a.example"));
    for (id, asked) in [(6, "a.example"), (5, "b.example")] {
        resolver.hears(&mut names, 0.1, &answers(id, asked, [address(asked, 60, "203.0.113.7")]));
    }
    assert_eq!(names.state().unsolicited, 2);
    assert!(names.find(by(2, Some(10)), ip("203.0.113.7"), at(0.2)).is_none());
}

#[test]
fn answer_is_accepted_if_questions_were_evicted() {
    let mut names = names();
    let forwarder = Socket::new(1, 10);
    for id in 0..100 {
        forwarder.asks(&mut names, 0.0, &asks(id, "a.example"));
    }
    forwarder.hears(&mut names, 0.1, &answers(0, "a.example", [address("a.example", 60, "203.0.113.7")]));
    assert!(names.find(by(2, Some(10)), ip("203.0.113.7"), at(0.2)).is_some());
    assert_eq!(names.state().unsolicited, 0);
}

#[test]
fn least_recently_used_address_is_evicted() {
    let mut names = Names::new(settings(3));
    for last in 1..=3 {
        look_up(&mut names, Socket::new(1, 10), f64::from(last), "a.example", 60, &format!("203.0.113.{last}"));
    }
    assert!(names.find(by(2, None), ip("203.0.113.1"), at(3.5)).is_some());
    look_up(&mut names, Socket::new(1, 10), 4.0, "a.example", 60, "203.0.113.4");
    assert!(names.find(by(3, None), ip("203.0.113.2"), at(5.0)).is_none());
    assert!(names.find(by(4, None), ip("203.0.113.1"), at(5.0)).is_some());
    assert_eq!((names.state().addresses, names.state().evicted), (3, 1));
}

#[test]
fn expired_names_are_removed() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", 60, "203.0.113.1");
    look_up(&mut names, Socket::new(1, 10), 200.0, "a.example", 60, "203.0.113.2");
    assert_eq!((names.state().addresses, names.state().evicted), (1, 0));
}
