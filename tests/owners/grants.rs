//! Grants: the mark that the kernel side sets on a socket, so that its packets are not queued.

use std::time::Duration;

use egret_model::{Attribution, Evaluation, Event, EventName, ProcessId, Reason, Transport, Verdict};
use egret_tests::{Hand, until};
use libtest_mimic::Trial;

use crate::judge::{ALLOWED, Judge, MASK, judged};

const PEER: &str = "127.0.0.1:9";
const LONG: Duration = Duration::from_secs(3600);
/// A mark that the program sets itself, outside egret's bits.
const OWN: u32 = 0x0012_3456;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        judged("grants::grant_marks_the_socket", |judge| marked(judge, "0.0.0.0:0", PEER)),
        judged("grants::grant_marks_an_ipv6_socket", |judge| marked(judge, "[::]:0", "[::1]:9")),
        judged("grants::grant_marks_an_ipv6_socket_connected_over_ipv4", |judge| {
            marked(judge, "[::]:0", "[::ffff:127.0.0.1]:9")
        }),
        judged("grants::first_packet_has_the_mark", first_packet),
        judged("grants::grant_applies_to_its_peer_and_user_only", others),
        judged("grants::grant_expires", expire),
        judged("grants::revoked_grant_marks_nothing", revoked),
        judged("grants::grant_of_a_former_policy_marks_nothing", another_policy),
        judged("grants::grant_without_a_policy_marks_nothing", inactive),
        judged("grants::grants_do_not_mark_datagram_sockets", datagrams),
        judged("grants::granted_connection_is_reported_as_allowed", events),
    ]
}

/// The process of a hand, as an evaluation would find it.
fn process(judge: &mut Judge, hand: &mut Hand) -> ProcessId {
    hand.make("tcp 127.0.0.1:0");
    let socket = hand.make("connect 127.0.0.2:9");
    judge.find(Transport::Tcp, &socket, "127.0.0.2:9").unwrap().process
}

fn grant(judge: &Judge, process: &ProcessId, peer: &str, lasts: Duration) {
    judge.grants.grant(process, Transport::Tcp, peer.parse().unwrap(), ALLOWED, lasts).unwrap();
}

/// The mark of a new socket after it is connected to a peer.
fn mark(hand: &mut Hand, local: &str, peer: &str) -> u32 {
    hand.make(&format!("tcp {local}"));
    hand.make(&format!("mark {OWN}"));
    hand.make(&format!("connect {peer}")).mark.unwrap()
}

fn marked(judge: &mut Judge, local: &str, peer: &str) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    assert_eq!(mark(&mut hand, local, peer), OWN);
    grant(judge, &process, peer, LONG);
    assert_eq!(mark(&mut hand, local, peer), ALLOWED | OWN);
}

/// A firewall rule counts the packets that leave with the mark.
fn first_packet(judge: &mut Judge) {
    let run = |judge: &Judge, words: &str| {
        let output = judge.namespace.command("iptables").args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(judge, &format!("-w -A OUTPUT -p tcp -d 127.0.0.1 -m mark --mark {ALLOWED:#x}/{MASK:#x}"));
    let packets = |judge: &Judge| -> u64 {
        let list = run(judge, "-w -nvxL OUTPUT");
        list.lines().nth(2).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    mark(&mut hand, "0.0.0.0:0", PEER);
    assert_eq!(packets(judge), 0);
    grant(judge, &process, PEER, LONG);
    mark(&mut hand, "0.0.0.0:0", PEER);
    assert_ne!(packets(judge), 0);
}

fn others(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, PEER, LONG);
    grant(judge, &ProcessId { uid: 1, ..process }, "127.0.0.3:9", LONG);
    for peer in ["127.0.0.2:9", "127.0.0.1:10", "127.0.0.3:9"] {
        hand.make("tcp 0.0.0.0:0");
        assert_eq!(hand.run(&format!("connect {peer}")).mark, Some(0), "{peer}");
    }
    // Another process of the same program has no grant.
    assert_eq!(mark(&mut judge.hand(), "0.0.0.0:0", PEER), OWN);
}

fn expire(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, PEER, Duration::from_secs(2));
    assert_eq!(mark(&mut hand, "0.0.0.0:0", PEER), ALLOWED | OWN);
    until("the end of the grant", || (mark(&mut hand, "0.0.0.0:0", PEER) == OWN).then_some(()));
}

/// A reconnected socket loses its grant.
fn revoked(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, PEER, LONG);
    assert_eq!(mark(&mut hand, "0.0.0.0:0", PEER), ALLOWED | OWN);
    hand.make("disconnect");
    judge.grants.revoke_all().unwrap();
    assert_eq!(hand.make(&format!("connect {PEER}")).mark, Some(OWN));
    hand.make("disconnect");
    grant(judge, &process, PEER, LONG);
    assert_eq!(hand.make(&format!("connect {PEER}")).mark, Some(ALLOWED | OWN));
    hand.make("disconnect");
    assert_eq!(hand.make("connect 127.0.0.2:9").mark, Some(OWN), "it is another peer");
}

fn another_policy(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, PEER, LONG);
    let next = 0x0400_0000;
    judge.grants.set_policy(true, MASK, next).unwrap();
    assert_eq!(mark(&mut hand, "0.0.0.0:0", PEER), OWN);
    judge.grants.grant(&process, Transport::Tcp, PEER.parse().unwrap(), next, LONG).unwrap();
    assert_eq!(mark(&mut hand, "0.0.0.0:0", PEER), next | OWN);
}

fn inactive(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, PEER, LONG);
    judge.grants.set_policy(false, MASK, ALLOWED).unwrap();
    assert_eq!(mark(&mut hand, "0.0.0.0:0", PEER), OWN);
}

fn datagrams(judge: &mut Judge) {
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    let peer = PEER.parse().unwrap();
    judge.grants.grant(&process, Transport::Udp, peer, ALLOWED, LONG).unwrap();
    grant(judge, &process, PEER, LONG);
    hand.make("udp 0.0.0.0:0");
    assert_eq!(hand.make(&format!("send {PEER}")).mark, Some(0));
    assert_eq!(hand.make(&format!("connect {PEER}")).mark, Some(0));
}

fn events(judge: &mut Judge) {
    let listener = judge.namespace.within(|| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let peer = listener.local_addr().unwrap();
    let mut hand = judge.hand();
    let process = process(judge, &mut hand);
    grant(judge, &process, &peer.to_string(), LONG);
    mark(&mut hand, "0.0.0.0:0", &peer.to_string());
    drop(listener.accept().unwrap());
    mark(&mut hand, "0.0.0.0:0", "127.0.0.2:9");
    hand.make("close");
    let events = until_closed(judge, hand.pid());
    let of = |port: u16| -> Vec<&Event> {
        let is = |event: &&Event| event.peer.port == Some(port) && !event.inbound;
        let mine = |event: &&Event| event.process.as_ref().is_some_and(|process| process.pid == hand.pid());
        events.iter().filter(is).filter(mine).filter(|event| event.transport == Some(Transport::Tcp)).collect()
    };
    let rule = Evaluation { reason: Reason::Rule, rule: None, attribution: Attribution::Cookie, duration_ns: None };
    let granted = of(peer.port());
    let names: Vec<EventName> = granted.iter().map(|event| event.name).collect();
    assert_eq!(names, [EventName::ConnectionOpen, EventName::ConnectionClose]);
    for event in granted {
        assert_eq!((event.verdict, event.evaluation.as_deref()), (Some(Verdict::Allow), Some(&rule)));
    }
    let asked = of(9);
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|event| event.verdict.is_none() && event.evaluation.is_none()));
}

/// All events up to the close of a process's second connection to [`crate::judge::NOWHERE`].
fn until_closed(judge: &mut Judge, pid: u32) -> Vec<Event> {
    let mut events = Vec::new();
    until("the ends of the connections", || {
        judge.capture.drain(&mut events);
        let is = |event: &&Event| {
            event.name == EventName::ConnectionFailed
                && event.process.as_ref().is_some_and(|process| process.pid == pid)
        };
        (events.iter().filter(is).count() >= 2).then_some(())
    });
    events
}
