//! Results of a search through `/proc`.

use egret_capture::{Capture, Probe};
use egret_model::{Attribution, Flow, Layer, Transport};
use egret_tests::{Hand, Namespace, test};
use libtest_mimic::Trial;

use crate::judge::{Judge, attributed, far, flow, judged, options};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        judged("search::sender_of_a_datagram_is_found", datagrams),
        judged("search::sender_of_an_echo_request_is_found_if_unambiguous", echo_requests),
        test("search::syscalls_layer_attributes_by_search_only", || alone(Layer::Syscalls)),
        test("search::procfs_layer_attributes_by_search_only", || alone(Layer::Procfs)),
        test("search::search_is_unavailable_unless_enforcing_is_enabled", unasked),
    ]
}

fn datagrams(judge: &mut Judge) {
    let mut hand = judge.hand();
    let socket = hand.make("udp 0.0.0.0:4000");
    let sent = flow(Transport::Udp, &socket, "127.0.0.1:9");
    let owner = judge.search(&sent);
    assert_eq!(attributed(owner), Some((hand.pid(), socket.cookie.unwrap(), Attribution::Procfs)));
    // The process is as complete as that of the hooks.
    hand.make("send 127.0.0.1:9");
    assert_eq!(owner.map(|owner| owner.process), judge.owners.find(&sent).map(|owner| owner.process));
    hand.make("close");
    assert_eq!(judge.search(&sent), None);
}

fn echo_requests(judge: &mut Judge) {
    let sent = Flow {
        interface: None,
        transport: Transport::Icmp,
        local: "127.0.0.1:0".parse().unwrap(),
        peer: "127.0.0.1:0".parse().unwrap(),
    };
    assert_eq!(judge.search(&sent), None);
    let [mut one, mut other] = [judge.hand(), judge.hand()];
    one.make("icmp");
    assert_eq!(attributed(judge.search(&sent)), Some((one.pid(), 0, Attribution::Procfs)));
    other.make("icmp");
    assert_eq!(judge.search(&sent), None, "it may be either's");
    one.make("close");
    assert_eq!(attributed(judge.search(&sent)), Some((other.pid(), 0, Attribution::Procfs)));
}

/// Layers without hooks that see a socket before its packet.
fn alone(layer: Layer) {
    let namespace = Namespace::resolving("");
    let traffic = egret_tests::traffic();
    let (mut capture, enforcement) = namespace.within(|| {
        let capture = Capture::start(&Probe::new(), options(layer)).unwrap();
        let enforcement = capture.enforcement().unwrap().unwrap();
        (capture, enforcement)
    });
    assert!(enforcement.grants().is_none());
    let mut hand = Hand::start(&mut namespace.command(traffic.to_str().unwrap()));
    hand.make("udp 0.0.0.0:0");
    let sent = flow(Transport::Udp, &hand.make("send 127.0.0.1:9"), "127.0.0.1:9");
    let owner = namespace.within(|| {
        let mut owners = enforcement.owners();
        assert_eq!(owners.find(&sent), None);
        owners.search(&sent, far()).unwrap()
    });
    assert_eq!((owner.process.pid, owner.attribution), (hand.pid(), Attribution::Procfs));
    let identity = capture.identify(&owner, sent.peer.ip(), &mut Vec::new());
    let path = identity.process.and_then(|process| process.executable.path.clone());
    assert_eq!(path.as_deref(), traffic.to_str());
    assert_eq!(identity.parent.as_deref(), std::env::current_exe().unwrap().to_str());
}

fn unasked() {
    let options = egret_capture::Options { enforce: false, ..options(Layer::Sockets) };
    assert!(Capture::start(&Probe::new(), options).unwrap().enforcement().unwrap().is_none());
}
