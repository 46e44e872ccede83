//! TCP: the owner of a SYN is looked up before it is answered.

use egret_model::{Attribution, Transport};
use libtest_mimic::Trial;

use crate::judge::{Judge, attributed, judged};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        judged("streams::connecting_socket_is_found", |judge| waiting(judge, "127.0.0.1:0", "127.0.0.1:9")),
        judged("streams::connecting_ipv6_socket_is_found", |judge| waiting(judge, "[::1]:0", "[::1]:9")),
        judged("streams::ipv6_socket_connecting_over_ipv4_is_found", |judge| {
            waiting(judge, "[::]:0", "[::ffff:127.0.0.1]:9")
        }),
        judged("streams::ended_process_is_found", gone),
        judged("streams::socket_older_than_the_policy_is_found_by_search_only", older),
        judged("streams::socket_in_another_namespace_is_not_found", elsewhere),
    ]
}

fn waiting(judge: &mut Judge, local: &str, peer: &str) {
    let mut hands = [judge.hand(), judge.hand()];
    for hand in &mut hands {
        hand.make(&format!("tcp {local}"));
        let socket = hand.make(&format!("connect {peer}"));
        let owner = judge.find(Transport::Tcp, &socket, peer);
        assert_eq!(attributed(owner), Some((hand.pid(), socket.cookie.unwrap(), Attribution::Tuple)));
        let process = owner.unwrap().process;
        assert_eq!((process.uid, process.parent_pid), (0, std::process::id()));
        assert!(process.exec_id != 0 && process.start_ns != 0 && process.cgroup_id != 0, "{process:?}");
    }
}

/// The packet may be evaluated after its process has ended.
fn gone(judge: &mut Judge) {
    let mut hand = judge.hand();
    hand.make("tcp 127.0.0.1:0");
    let socket = hand.make("connect 127.0.0.1:9");
    let pid = hand.pid();
    drop(hand);
    let owner = judge.find(Transport::Tcp, &socket, "127.0.0.1:9");
    assert_eq!(attributed(owner), Some((pid, socket.cookie.unwrap(), Attribution::Tuple)));
}

/// Nothing is recorded without a policy; a search finds the socket.
fn older(judge: &mut Judge) {
    judge.grants.set_policy(false, 0, 0).unwrap();
    let mut hand = judge.hand();
    hand.make("tcp 127.0.0.1:0");
    let socket = hand.make("connect 127.0.0.1:9");
    judge.grants.set_policy(true, 1, 1).unwrap();
    assert_eq!(judge.find(Transport::Tcp, &socket, "127.0.0.1:9"), None);
    let owner = judge.search(&crate::judge::flow(Transport::Tcp, &socket, "127.0.0.1:9"));
    assert_eq!(attributed(owner), Some((hand.pid(), socket.cookie.unwrap(), Attribution::Procfs)));
}

fn elsewhere(judge: &mut Judge) {
    let other = egret_tests::Namespace::resolving("");
    let mut hand = egret_tests::Hand::start(&mut other.command(egret_tests::traffic().to_str().unwrap()));
    hand.make("udp 127.0.0.1:4000");
    let socket = hand.make("send 127.0.0.1:9");
    assert_eq!(judge.find(Transport::Udp, &socket, "127.0.0.1:9"), None);
    hand.make("tcp 127.0.0.1:4000");
    hand.run("connect 127.0.0.1:9");
    assert_eq!(judge.find(Transport::Tcp, &socket, "127.0.0.1:9"), None);
}
