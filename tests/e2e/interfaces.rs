//! Link-local peers: two hosts with the same address, each on a different interface.

use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::process::Command;

use egret_tests::{Event, Hand, Namespace, Trace, needing, stdout_of, traffic};
use libtest_mimic::Trial;

use crate::checks::only;
use crate::test;

/// The address of both neighbours.
const PEER: &str = "fe80::1";
const PORT: u16 = 9000;
/// Bytes that `hand` sends at once.
const PAYLOAD: u64 = 7;

pub(crate) fn trials() -> Vec<Trial> {
    let tests = [
        test("interfaces::datagrams_to_one_address_on_two_interfaces_are_two_flows", datagrams),
        test("interfaces::connected_datagram_socket_has_its_interface", connected),
        test("interfaces::streams_to_one_address_on_two_interfaces_have_their_interfaces", streams),
        test("interfaces::preexisting_connections_have_their_interface", preexisting),
        test("interfaces::interface_of_another_namespace_is_a_number", elsewhere),
        test("interfaces::peer_filter_selects_by_interface", filtered),
    ];
    tests.into_iter().map(|test| needing("ip", test)).collect()
}

/// A host with two neighbours that differ by interface only.
struct Neighbourhood {
    host: Namespace,
    neighbours: [Neighbour; 2],
}

struct Neighbour {
    namespace: Namespace,
    /// Name and number of the host's interface.
    name: &'static str,
    index: u32,
}

impl Neighbourhood {
    fn new() -> Self {
        let host = Namespace::resolving("");
        let neighbours = ["cable-a", "cable-b"].map(|name| Neighbour::new(&host, name));
        Self { host, neighbours }
    }

    fn hand(&self) -> Hand {
        Hand::start(&mut self.host.command(traffic().to_str().unwrap()))
    }

    fn trace(&self, arguments: &[&str]) -> Trace {
        Trace::start_in(&self.host, arguments)
    }
}

impl Neighbour {
    fn new(host: &Namespace, name: &'static str) -> Self {
        let namespace = Namespace::resolving("");
        let [here, there] = [host, &namespace].map(|namespace| namespace.pid().to_string());
        let ends = ["link", "add", name, "netns", &here, "type", "veth", "peer", "name", "cable", "netns", &there];
        stdout_of(Command::new("ip").args(ends));
        for (namespace, cable, address) in [(host, name, "fe80::2/64"), (&namespace, "cable", "fe80::1/64")] {
            stdout_of(namespace.command("ip").args(["link", "set", cable, "up"]));
            // Without duplicate address detection, which takes a second.
            stdout_of(namespace.command("ip").args(["address", "add", address, "dev", cable, "nodad"]));
        }
        let index = index_of(host, name);
        Self { namespace, name, index }
    }

    /// Its address with the scope, as programs write it.
    fn peer(&self) -> String {
        format!("[{PEER}%{}]:{PORT}", self.index)
    }

    fn receiver(&self) -> UdpSocket {
        self.namespace.within(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT)).unwrap())
    }

    fn listener(&self) -> TcpListener {
        self.namespace.within(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).unwrap())
    }
}

/// `7: cable-a@if2: ...`
fn index_of(namespace: &Namespace, name: &str) -> u32 {
    let shown = stdout_of(namespace.command("ip").args(["-o", "link", "show", "dev", name]));
    shown.split(':').next().unwrap().parse().unwrap()
}

fn behind<'a>(events: &[&'a Event], interface: &str) -> Vec<&'a Event> {
    events.iter().copied().filter(|event| event.interface.as_deref() == Some(interface)).collect()
}

/// Asserts that every event of a peer has its interface, and that its address has no scope.
fn check_peer(events: &[&Event], neighbour: &Neighbour) {
    for event in behind(events, neighbour.name) {
        assert_eq!(event.peer_address, Some(PEER.parse().unwrap()), "{event:#?}");
        assert_eq!(event.peer_port, Some(PORT), "{event:#?}");
    }
}

fn is_close(event: &Event, cookie: u64) -> bool {
    event.cookie() == cookie && event.name == "connection.close"
}

/// An unconnected socket sends to both neighbours: two peers, each with its own totals.
fn datagrams() {
    let hood = Neighbourhood::new();
    let _receivers = hood.neighbours.each_ref().map(Neighbour::receiver);
    let trace = hood.trace(&["--no-standing"]);
    let mut hand = hood.hand();
    hand.make("udp [::]:0");
    let [first, second] = hood.neighbours.each_ref();
    let mut cookie = None;
    for neighbour in [first, second, first] {
        cookie = hand.make(&format!("send {}", neighbour.peer())).cookie;
    }
    let cookie = cookie.unwrap();
    drop(hand);
    let ends = |events: &[Event]| events.iter().filter(|event| is_close(event, cookie)).count();
    assert!(trace.wait_for(|events| ends(events) == 2), "{:#?}", trace.sees(<[Event]>::to_vec));
    let seen = trace.stop();
    let events = seen.of_socket(cookie);
    for (neighbour, times) in [(first, 2), (second, 1)] {
        check_peer(&events, neighbour);
        let of_peer = behind(&events, neighbour.name);
        only(&of_peer, "datagram.send");
        assert_eq!(only(&of_peer, "connection.close").sent, Some(times * PAYLOAD), "{of_peer:#?}");
    }
    assert!(events.iter().all(|event| event.interface.is_some()), "{events:#?}");
}

fn connected() {
    let hood = Neighbourhood::new();
    let _receivers = hood.neighbours.each_ref().map(Neighbour::receiver);
    let trace = hood.trace(&["--no-standing"]);
    for neighbour in &hood.neighbours {
        let mut hand = hood.hand();
        hand.make("udp [::]:0");
        hand.make(&format!("connect {}", neighbour.peer()));
        let cookie = hand.make("send").cookie.unwrap();
        drop(hand);
        assert!(trace.wait_for(|events| events.iter().any(|event| is_close(event, cookie))));
        let all = trace.sees(<[Event]>::to_vec);
        let events: Vec<&Event> = all.iter().filter(|event| event.cookie() == cookie).collect();
        assert!(events.len() >= 2, "{events:#?}");
        assert_eq!(behind(&events, neighbour.name).len(), events.len(), "{events:#?}");
        check_peer(&events, neighbour);
    }
    assert_eq!(trace.stop().status.code(), Some(0));
}

fn streams() {
    let hood = Neighbourhood::new();
    let _listeners = hood.neighbours.each_ref().map(Neighbour::listener);
    let trace = hood.trace(&["--no-standing"]);
    for neighbour in &hood.neighbours {
        let mut hand = hood.hand();
        hand.make("tcp [::]:0");
        let cookie = hand.make(&format!("connect {}", neighbour.peer())).cookie.unwrap();
        let is_open = |event: &Event| event.cookie() == cookie && event.name == "connection.open";
        assert!(trace.wait_for(|events| events.iter().any(is_open)));
        drop(hand);
        let all = trace.sees(<[Event]>::to_vec);
        let events: Vec<&Event> = all.iter().filter(|event| event.cookie() == cookie).collect();
        assert_eq!(behind(&events, neighbour.name).len(), events.len(), "{events:#?}");
        check_peer(&events, neighbour);
    }
    assert_eq!(trace.stop().status.code(), Some(0));
}

fn preexisting() {
    let hood = Neighbourhood::new();
    let _receivers = hood.neighbours.each_ref().map(Neighbour::receiver);
    let _listeners = hood.neighbours.each_ref().map(Neighbour::listener);
    let mut hands: Vec<(u64, &str, Hand)> = Vec::new();
    for (neighbour, kind) in hood.neighbours.iter().flat_map(|neighbour| ["udp", "tcp"].map(|kind| (neighbour, kind))) {
        let mut hand = hood.hand();
        hand.make(&format!("{kind} [::]:0"));
        let cookie = hand.make(&format!("connect {}", neighbour.peer())).cookie.unwrap();
        hands.push((cookie, neighbour.name, hand));
    }
    let trace = hood.trace(&[]);
    for (cookie, name, hand) in hands {
        let is_open = |event: &Event| event.cookie() == cookie && event.name == "connection.open";
        assert!(trace.wait_for(|events| events.iter().any(is_open)), "{name}");
        drop(hand);
        assert!(trace.wait_for(|events| events.iter().any(|event| is_close(event, cookie))), "{name}");
        let all = trace.sees(<[Event]>::to_vec);
        let events: Vec<&Event> = all.iter().filter(|event| event.cookie() == cookie).collect();
        assert!(events.iter().all(|event| event.preexisting), "{events:#?}");
        assert_eq!(behind(&events, name).len(), events.len(), "{events:#?}");
    }
    assert_eq!(trace.stop().status.code(), Some(0));
}

/// The accepting socket is in another namespace, whose interfaces have no names here.
fn elsewhere() {
    let hood = Neighbourhood::new();
    let [neighbour, _] = &hood.neighbours;
    let _listener = neighbour.listener();
    let number = index_of(&neighbour.namespace, "cable").to_string();
    let trace = hood.trace(&["--no-standing"]);
    let mut hand = hood.hand();
    hand.make("tcp [::]:0");
    hand.make(&format!("connect {}", neighbour.peer()));
    let is_accept = |event: &Event| event.name == "accept" && event.local_port == Some(PORT);
    assert!(trace.wait_for(|events| events.iter().any(is_accept)));
    let seen = trace.stop();
    let accepted = seen.events.iter().find(|event| is_accept(event)).unwrap();
    assert_eq!(accepted.peer_address, Some("fe80::2".parse().unwrap()));
    assert_eq!(accepted.interface.as_deref(), Some(&*number), "{accepted:#?}");
}

fn filtered() {
    let hood = Neighbourhood::new();
    let _receivers = hood.neighbours.each_ref().map(Neighbour::receiver);
    let [wanted, other] = &hood.neighbours;
    let trace = hood.trace(&["--no-standing", "--peer", &format!("{PEER}%{}", wanted.name)]);
    let mut cookie = None;
    for neighbour in [other, wanted] {
        let mut hand = hood.hand();
        hand.make("udp [::]:0");
        cookie = hand.make(&format!("send {}", neighbour.peer())).cookie;
    }
    assert!(trace.wait_for(|events| events.iter().any(|event| is_close(event, cookie.unwrap()))));
    let seen = trace.stop();
    assert_eq!(behind(&seen.events.iter().collect::<Vec<_>>(), wanted.name).len(), seen.events.len());
}
