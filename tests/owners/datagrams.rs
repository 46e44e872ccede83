//! UDP: unconnected and connected sockets.

use egret_model::{Attribution, Transport};
use egret_tests::{Answer, Hand};
use libtest_mimic::Trial;

use crate::judge::{Judge, attributed, judged};

const PEER: &str = "127.0.0.1:9";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        judged("datagrams::sender_is_found", |judge| sent_to(judge, "0.0.0.0:0", PEER)),
        judged("datagrams::sender_over_ipv6_is_found", |judge| sent_to(judge, "[::]:0", "[::1]:9")),
        judged("datagrams::ipv6_socket_that_sends_over_ipv4_is_found", |judge| {
            sent_to(judge, "[::]:0", "[::ffff:127.0.0.1]:9")
        }),
        judged("datagrams::closed_socket_is_found", sent_and_gone),
        judged("datagrams::connected_socket_is_found", |judge| connected(judge, "0.0.0.0:0", PEER)),
        judged("datagrams::connected_ipv6_socket_is_found", |judge| connected(judge, "[::]:0", "[::1]:9")),
        judged("datagrams::ipv6_socket_connected_over_ipv4_is_found", |judge| {
            connected(judge, "[::]:0", "[::ffff:127.0.0.1]:9");
        }),
        judged("datagrams::closed_connected_socket_is_found", connected_and_gone),
        judged("datagrams::sender_on_a_shared_port_is_unknown_once_both_have_sent", shared_port),
        judged("datagrams::sender_on_a_shared_socket_is_unknown_once_both_have_sent", shared_socket),
        judged("datagrams::reused_port_belongs_to_its_new_process", taken_over),
        judged("datagrams::sender_is_unknown_if_an_unconnected_socket_shares_the_port", connected_and_not),
        judged("datagrams::unprivileged_thread_finds_owners", unprivileged),
    ]
}

fn by(hand: &Hand, socket: &Answer, attribution: Attribution) -> Option<(u32, u64, Attribution)> {
    Some((hand.pid(), socket.cookie.unwrap(), attribution))
}

fn sent_to(judge: &mut Judge, local: &str, peer: &str) {
    let mut hand = judge.hand();
    hand.make(&format!("udp {local}"));
    for _ in 0..2 {
        let socket = hand.make(&format!("send {peer}"));
        let owner = judge.find(Transport::Udp, &socket, peer);
        assert_eq!(attributed(owner), by(&hand, &socket, Attribution::Tuple));
        assert!(owner.unwrap().process.exec_id != 0);
    }
    let socket = hand.make(&format!("send {peer}"));
    let other_peer = peer.replace(":9", ":10");
    assert_eq!(judge.find(Transport::Udp, &socket, &other_peer), None);
}

fn sent_and_gone(judge: &mut Judge) {
    let mut hand = judge.hand();
    hand.make("udp 0.0.0.0:0");
    let socket = hand.make(&format!("send {PEER}"));
    hand.make("close");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&hand, &socket, Attribution::Tuple));
}

fn connected(judge: &mut Judge, local: &str, peer: &str) {
    let mut hand = judge.hand();
    hand.make(&format!("udp {local}"));
    hand.make(&format!("connect {peer}"));
    let socket = hand.make("send");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, peer)), by(&hand, &socket, Attribution::Diag));
}

/// A closed socket leaves an entry, because one of its datagrams may still be queued.
fn connected_and_gone(judge: &mut Judge) {
    let mut hand = judge.hand();
    hand.make("udp 0.0.0.0:0");
    hand.make(&format!("connect {PEER}"));
    let socket = hand.make("send");
    hand.make("close");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&hand, &socket, Attribution::Tuple));
}

fn shared_port(judge: &mut Judge) {
    let [mut one, mut other] = [judge.hand(), judge.hand()];
    one.make("udp 0.0.0.0:4000");
    other.make("udp 0.0.0.0:4000");
    let socket = one.make(&format!("send {PEER}"));
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&one, &socket, Attribution::Tuple));
    for _ in 0..2 {
        for hand in [&mut other, &mut one] {
            hand.make(&format!("send {PEER}"));
            assert_eq!(judge.find(Transport::Udp, &socket, PEER), None, "it may be either's");
        }
    }
    assert_eq!(judge.search(&crate::judge::flow(Transport::Udp, &socket, PEER)), None, "nor does a search guess");
    // Only one of them sends to the other peer.
    one.make("send 127.0.0.2:9");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, "127.0.0.2:9")), by(&one, &socket, Attribution::Tuple));
    // Known again once it is the only one.
    other.make("close");
    one.make(&format!("send {PEER}"));
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&one, &socket, Attribution::Tuple));
}

fn shared_socket(judge: &mut Judge) {
    let socket = judge.namespace.within(|| std::net::UdpSocket::bind("0.0.0.0:0").unwrap());
    let [mut one, mut other] = [(), ()].map(|()| {
        let handed: std::os::fd::OwnedFd = socket.try_clone().unwrap().into();
        Hand::start(judge.program().stderr(handed))
    });
    one.make("inherit");
    let sent = one.make(&format!("send {PEER}"));
    assert_eq!(attributed(judge.find(Transport::Udp, &sent, PEER)), by(&one, &sent, Attribution::Tuple));
    other.make("inherit");
    other.make(&format!("send {PEER}"));
    assert_eq!(judge.find(Transport::Udp, &sent, PEER), None, "it may be either's");
}

fn taken_over(judge: &mut Judge) {
    let [mut one, mut other] = [judge.hand(), judge.hand()];
    one.make("udp 0.0.0.0:4000");
    one.make(&format!("send {PEER}"));
    one.make("close");
    other.make("udp 0.0.0.0:4000");
    let socket = other.make(&format!("send {PEER}"));
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&other, &socket, Attribution::Tuple));
    // The entry of the first socket does not hide a connected one.
    other.make("close");
    one.make("udp 127.0.0.1:4000");
    one.make(&format!("connect {PEER}"));
    let socket = one.make("send");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&one, &socket, Attribution::Diag));
}

fn connected_and_not(judge: &mut Judge) {
    let [mut one, mut other] = [judge.hand(), judge.hand()];
    one.make("udp 127.0.0.1:4000");
    one.make(&format!("connect {PEER}"));
    let socket = one.make("send");
    other.make("udp 127.0.0.1:4000");
    other.make(&format!("send {PEER}"));
    assert_eq!(judge.find(Transport::Udp, &socket, PEER), None, "it may be either's");
    other.make("close");
    assert_eq!(attributed(judge.find(Transport::Udp, &socket, PEER)), by(&one, &socket, Attribution::Diag));
}

/// The threads that evaluate packets drop their privileges.
fn unprivileged(judge: &mut Judge) {
    let mut hand = judge.hand();
    let (owners, grants) = (&mut judge.owners, judge.grants.clone());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let sets = [caps::CapSet::Effective, caps::CapSet::Permitted, caps::CapSet::Inheritable];
            sets.iter().for_each(|set| caps::clear(None, *set).unwrap());
            hand.make("tcp 127.0.0.1:0");
            let socket = hand.make(&format!("connect {PEER}"));
            let found = owners.find(&crate::judge::flow(Transport::Tcp, &socket, PEER));
            assert_eq!(attributed(found), by(&hand, &socket, Attribution::Tuple));
            hand.make("udp 0.0.0.0:0");
            hand.make(&format!("connect {PEER}"));
            let socket = hand.make("send");
            let found = owners.find(&crate::judge::flow(Transport::Udp, &socket, PEER));
            assert_eq!(attributed(found), by(&hand, &socket, Attribution::Diag));
            let process = found.unwrap().process;
            let lasts = std::time::Duration::from_secs(1);
            grants.grant(&process, Transport::Tcp, PEER.parse().unwrap(), 1, lasts).unwrap();
            grants.revoke_all().unwrap();
        });
    });
}
