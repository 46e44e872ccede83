//! Transitions on the host, with a platform of plain values.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use egret_wire::Kind;
use proptest::prelude::*;

use super::*;
use crate::datagram::{EAGAIN, IPPROTO_UDP};

const THREADS: u64 = 3;

/// A platform of plain values. Peers are small numbers.
#[derive(Default)]
struct Host {
    now: Cell<u64>,
    thread: Cell<u64>,
    room: usize,
    every_send: bool,
    /// Zero: no limit.
    longest_hold: u64,
    connected: Cell<Option<u16>>,
    table: RefCell<BTreeMap<u16, &'static mut PeerTotals>>,
    kept: RefCell<BTreeMap<u64, PeerKey>>,
    lost: Cell<u64>,
    reports: RefCell<Vec<(Kind, u16, Flags, i32)>>,
}

fn peer(number: u16) -> Peer {
    Peer { address: if number == 0 { [0; 2] } else { [1, 1] }, port: number, interface: 0 }
}

impl Platform for Host {
    fn now(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }
    fn is_recent(&self, _: u64) -> bool {
        false
    }
    fn counts_calls(&self) -> bool {
        true
    }
    fn reports_every_send(&self) -> bool {
        self.every_send
    }
    fn process(&self) -> ProcessRef {
        ProcessRef { pid: u32::try_from(self.thread.get()).unwrap(), ..ProcessRef::UNKNOWN }
    }
    fn thread(&self) -> u64 {
        self.thread.get()
    }
    fn jiffies(&self) -> u64 {
        self.now.get()
    }
    fn longest_hold(&self) -> u64 {
        if self.longest_hold == 0 { u64::MAX } else { self.longest_hold }
    }
    fn add(word: &mut u64, amount: u64) {
        *word += amount;
    }
    fn exchange(word: &mut u64, old: u64, new: u64) -> u64 {
        let was = *word;
        if was == old {
            *word = new;
        }
        was
    }
    fn find_peer(&self, key: &PeerKey) -> Option<&'static mut PeerTotals> {
        let mut table = self.table.borrow_mut();
        let found: *mut PeerTotals = &raw mut **table.get_mut(&Peer::from_key(key).port)?;
        // SAFETY: leaked, so that it is never freed; one thread, and no transition keeps two references to one entry.
        Some(unsafe { &mut *found })
    }
    fn insert_peer(&self, key: &PeerKey, totals: &PeerTotals) -> bool {
        let mut table = self.table.borrow_mut();
        let has_room = table.len() < self.room;
        if has_room {
            table.insert(Peer::from_key(key).port, std::boxed::Box::leak(std::boxed::Box::new(*totals)));
        } else {
            self.lost.set(self.lost.get() + totals.sent + totals.received);
        }
        has_room
    }
    fn remove_peer(&self, key: &PeerKey) {
        self.table.borrow_mut().remove(&Peer::from_key(key).port);
    }
    fn keep_contended(&self, thread: u64, key: &PeerKey) {
        self.kept.borrow_mut().insert(thread, *key);
    }
    fn take_contended(&self, thread: u64) -> Option<PeerKey> {
        self.kept.borrow_mut().remove(&thread)
    }
    fn lose(&self, bytes: u64) {
        self.lost.set(self.lost.get() + bytes);
    }
    fn connected_port(&self) -> u16 {
        self.connected.get().unwrap_or(0)
    }
    fn connected_peer(&self, _: u16, port: u16) -> Peer {
        peer(port)
    }
    fn fill_local(&self, socket: &mut Socket) {
        socket.local_port = 9;
    }
    fn fill_peer(&self, _: &mut Socket) {}
    fn counted(&self, _: &Socket, _: u64, _: Direction) {}
    fn withdraw(&self, _: &Socket) {}
    fn report(&self, kind: Kind, _: u64, socket: &Socket, error: i32) {
        self.reports.borrow_mut().push((kind, socket.peer_port, socket.flags, error));
    }
}

fn socket() -> Socket {
    Socket {
        process: ProcessRef::UNKNOWN,
        local: [0; 2],
        peer: [0; 2],
        opened_ns: 0,
        established_ns: 0,
        sent: 0,
        received: 0,
        sends: 0,
        receives: 0,
        busy: 0,
        busy_since: 0,
        unreported: 0,
        spilled: 0,
        cookie: 7,
        flags: Flags::NONE,
        netns: 0,
        local_port: 0,
        peer_port: 0,
        family: 2,
        protocol: IPPROTO_UDP,
        socket_type: 2,
        phase: Phase::New,
        hello: 0,
        hello_end: 0,
        interface: 0,
        reserved: 0,
        listed: 0,
    }
}

/// A call of a program on its datagram socket. A hook runs before a call with a peer, and a length tracepoint
/// after every call.
#[derive(Clone, Debug)]
enum Call {
    /// To the peer in the call.
    SendTo(u64, u16, i32),
    /// From a peer, whose address the call returns.
    ReceiveFrom(u64, u16, i32),
    /// To or from the peer that the socket is connected to, if it is.
    Plain(u64, Direction, i32),
    /// The same after a peek.
    Peek(u64, u16, i32),
    Connect(u64, u16),
    /// A connect that fails after its hook: the socket is what it was.
    ConnectInVain(u64, u16),
    Disconnect,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let thread = || 1..=THREADS;
    let length = || prop_oneof![8 => 0..2000_i32, 1 => Just(-EAGAIN), 1 => Just(-101)];
    let direction = prop_oneof![Just(Direction::Sent), Just(Direction::Received)];
    let call = prop_oneof![
        4 => (thread(), 1..6_u16, length()).prop_map(|(thread, peer, length)| Call::SendTo(thread, peer, length)),
        4 => (thread(), 1..6_u16, 0..2000_i32).prop_map(|(thread, peer, length)| Call::ReceiveFrom(thread, peer, length)),
        4 => (thread(), direction, length()).prop_map(|(thread, way, length)| Call::Plain(thread, way, length)),
        1 => (thread(), 1..6_u16, 0..2000_i32).prop_map(|(thread, peer, length)| Call::Peek(thread, peer, length)),
        1 => (thread(), 1..6_u16).prop_map(|(thread, peer)| Call::Connect(thread, peer)),
        1 => (thread(), 1..6_u16).prop_map(|(thread, peer)| Call::ConnectInVain(thread, peer)),
        1 => Just(Call::Disconnect),
    ];
    proptest::collection::vec(call, 0..40)
}

/// The expected result: by peer, bytes each way and the direction of the first datagram.
#[derive(Default)]
struct Truth {
    totals: BTreeMap<u16, (u64, u64)>,
    first: BTreeMap<u16, Direction>,
}

impl Truth {
    fn moved(&mut self, peer: u16, length: i32, direction: Direction) {
        let Ok(amount) = u64::try_from(length) else { return };
        let totals = self.totals.entry(peer).or_default();
        match direction {
            Direction::Sent => totals.0 += amount,
            Direction::Received => totals.1 += amount,
        }
        self.first.entry(peer).or_insert(direction);
    }
}

/// Runs the calls in order.
fn run(calls: &[Call], room: usize) -> (Host, Socket, Truth) {
    let host = Host { room, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    let mut truth = Truth::default();
    for call in calls {
        match *call {
            Call::SendTo(thread, to, length) => {
                host.thread.set(thread);
                socket.name_peer(&host, peer(to), Flags::NONE);
                socket.moved(&host, length, Direction::Sent);
                truth.moved(to, length, Direction::Sent);
            }
            // The kernel delivers no datagrams of other peers to a connected socket.
            Call::ReceiveFrom(_, from, _) | Call::Peek(_, from, _)
                if host.connected.get().is_some_and(|to| to != from) => {}
            Call::ReceiveFrom(thread, from, length) => {
                host.thread.set(thread);
                socket.name_peer(&host, peer(from), Flags::FIRST_INBOUND);
                socket.moved(&host, length, Direction::Received);
                truth.moved(from, length, Direction::Received);
            }
            Call::Plain(thread, direction, length) => {
                let Some(to) = host.connected.get() else { continue };
                host.thread.set(thread);
                socket.moved(&host, length, direction);
                truth.moved(to, length, direction);
            }
            Call::Peek(thread, from, length) => {
                host.thread.set(thread);
                socket.name_peer(&host, peer(from), Flags::FIRST_INBOUND);
                socket.nothing_moved(&host);
                socket.name_peer(&host, peer(from), Flags::FIRST_INBOUND);
                socket.moved(&host, length, Direction::Received);
                truth.moved(from, length, Direction::Received);
            }
            Call::Connect(thread, to) => {
                host.thread.set(thread);
                host.connected.set(Some(to));
                socket.connect(&host, peer(to), host.now());
            }
            Call::ConnectInVain(thread, to) => {
                host.thread.set(thread);
                socket.connect(&host, peer(to), host.now());
            }
            Call::Disconnect => host.connected.set(None),
        }
        assert_eq!(socket.busy, 0, "{call:?} does not unlock the socket");
    }
    (host, socket, truth)
}

proptest! {
    /// Bytes and directions are those of their peers, and every peer is reported once.
    #[test]
    fn every_byte_belongs_to_its_peer(calls in calls()) {
        let (host, mut socket, truth) = run(&calls, usize::MAX);
        let is_reported = socket.release_datagram(&host);
        let mut seen = BTreeMap::new();
        if socket.has_moved() {
            seen.insert(socket.peer_port, (socket.sent, socket.received));
        }
        for (port, totals) in host.table.borrow().iter() {
            prop_assert!(seen.insert(*port, (totals.sent, totals.received)).is_none(), "{port} has two entries");
        }
        // A peer of only empty datagrams has an entry of zeroes.
        prop_assert_eq!(&seen, &truth.totals);
        prop_assert_eq!(host.lost.get(), 0);
        prop_assert_eq!(socket.spilled, host.table.borrow().len() as u64);
        prop_assert!(is_reported || truth.totals.is_empty());
        let reports = host.reports.borrow();
        let firsts: Vec<_> = reports.iter().filter(|(kind, _, _, error)| *kind == Kind::Datagram && *error == 0).collect();
        let peers: BTreeSet<u16> = firsts.iter().map(|(_, port, ..)| *port).collect();
        prop_assert_eq!(firsts.len(), peers.len(), "a peer is reported twice: {:?}", firsts);
        prop_assert_eq!(peers, truth.totals.keys().copied().collect::<BTreeSet<_>>());
        for (_, port, flags, _) in firsts {
            // The flow with a peer that the socket was connected to, or was to be, is outbound.
            let is_to = |call: &Call| matches!(call, Call::Connect(_, to) | Call::ConnectInVain(_, to) if to == port);
            let is_connected = calls.iter().any(is_to);
            if !is_connected {
                prop_assert_eq!(flags.has(Flags::INBOUND), truth.first[port] == Direction::Received);
            }
        }
    }

    /// With a full peer table, missing bytes are counted as lost.
    #[test]
    fn bytes_lost_by_a_full_peer_table_are_counted(calls in calls(), room in 0..3_usize) {
        let (host, mut socket, truth) = run(&calls, room);
        let _ = socket.release_datagram(&host);
        let in_table: u64 = host.table.borrow().values().map(|totals| totals.sent + totals.received).sum();
        let all: u64 = truth.totals.values().map(|(sent, received)| sent + received).sum();
        prop_assert_eq!(socket.sent + socket.received + in_table + host.lost.get(), all);
    }

    /// Overlapping calls of two threads, in any order of their ends.
    #[test]
    fn overlapping_calls_keep_their_peers(
        pairs in proptest::collection::vec((1..5_u16, 1..1000_i32, 1..5_u16, 1..1000_i32, any::<bool>()), 1..20)
    ) {
        let host = Host { room: usize::MAX, ..Host::default() };
        let mut socket = socket();
        socket.begin_datagram(Flags::NONE);
        let mut truth = Truth::default();
        for (first, first_length, second, second_length, is_nested) in pairs {
            host.thread.set(1);
            socket.name_peer(&host, peer(first), Flags::NONE);
            host.thread.set(2);
            socket.name_peer(&host, peer(second), Flags::NONE);
            let mut lengths = [(1, first_length), (2, second_length)];
            if is_nested {
                lengths.reverse();
            }
            for (thread, length) in lengths {
                host.thread.set(thread);
                socket.moved(&host, length, Direction::Sent);
            }
            truth.moved(first, first_length, Direction::Sent);
            truth.moved(second, second_length, Direction::Sent);
        }
        let _ = socket.release_datagram(&host);
        let mut seen = BTreeMap::from([(socket.peer_port, (socket.sent, socket.received))]);
        for (port, totals) in host.table.borrow().iter() {
            let sum = seen.entry(*port).or_default();
            *sum = (sum.0 + totals.sent, sum.1 + totals.received);
        }
        prop_assert_eq!(seen, truth.totals);
        prop_assert_eq!((host.lost.get(), socket.busy), (0, 0));
        prop_assert!(host.kept.borrow().is_empty());
    }

    /// The record of a stream's end is written once, for any order of events.
    #[test]
    fn streams_end_once(events in proptest::collection::vec(0..8_u8, 0..20)) {
        let mut socket = socket();
        let mut ends = 0;
        let mut begins = 0;
        for event in events {
            match event {
                0 => {
                    ends += u32::from(socket.end_attempt());
                    socket.begin_connect(peer(1), ProcessRef::UNKNOWN, 1);
                    begins += 1;
                }
                1 if socket.phase() == Phase::Attempt => socket.syn_sent(),
                2 if socket.phase() == Phase::Connecting => socket.established(2),
                3 => ends += u32::from(socket.end_stream().is_some()),
                4 => ends += u32::from(socket.release_stream()),
                5 => ends += u32::from(socket.end_attempt()),
                6 => {
                    let before = socket.flags();
                    let is_reported = socket.report_connect();
                    prop_assert!(!(is_reported && before.has(Flags::CONNECT_REPORTED)));
                }
                7 => {
                    // The second has no effect.
                    let first = socket.end_stream();
                    ends += u32::from(first.is_some());
                    prop_assert_eq!(socket.end_stream(), None);
                }
                _ => {}
            }
            // The kernel refuses a connect on a connecting or established socket before any hook runs; here it
            // overwrites the state, which then has no end.
            prop_assert!(ends <= begins);
        }
    }
}

#[test]
fn first_failure_and_first_success_are_reported() {
    let host = Host { room: 4, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    for length in [-101, -101, -EAGAIN, 5, 6, -101] {
        socket.name_peer(&host, peer(1), Flags::NONE);
        socket.moved(&host, length, Direction::Sent);
    }
    let errors: Vec<i32> = host.reports.borrow().iter().map(|(.., error)| *error).collect();
    assert_eq!(errors, [101, 0]);
    assert_eq!((socket.sent, socket.sends), (11, 2));
}

#[test]
fn every_send_is_reported_on_request() {
    let host = Host { room: 4, every_send: true, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    for length in [5, 6, -101] {
        socket.name_peer(&host, peer(1), Flags::NONE);
        socket.moved(&host, length, Direction::Sent);
    }
    let kinds: Vec<_> = host.reports.borrow().iter().map(|(kind, _, _, error)| (*kind, *error)).collect();
    assert_eq!(kinds, [(Kind::Datagram, 0), (Kind::Send, 0), (Kind::Send, 101)]);
}

/// The flag is what lets a socket send to a peer without a verdict.
#[test]
fn peer_that_was_only_named_by_a_failed_send_did_not_speak_first() {
    let host = Host { room: 4, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    socket.name_peer(&host, peer(1), Flags::NONE);
    socket.moved(&host, -90, Direction::Sent);
    // From anybody: the call does not ask who it is.
    socket.moved(&host, 5, Direction::Received);
    assert!(!socket.answers(&host, peer(1)), "{socket:?}");
    assert_eq!((host.lost.get(), socket.received), (5, 0));
    socket.name_peer(&host, peer(1), Flags::FIRST_INBOUND);
    socket.moved(&host, 6, Direction::Received);
    assert!(socket.answers(&host, peer(1)), "now it is certain: {socket:?}");
}

#[test]
fn connect_that_failed_does_not_lend_its_peer_to_the_one_before() {
    let host = Host { room: 4, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    socket.name_peer(&host, peer(1), Flags::FIRST_INBOUND);
    socket.moved(&host, 5, Direction::Received);
    host.connected.set(Some(2));
    assert!(socket.connect(&host, peer(2), 9));
    assert!(!socket.connect(&host, peer(1), 10), "and fails");
    socket.moved(&host, 7, Direction::Sent);
    assert_eq!((socket.current_peer(), socket.sent), (peer(2), 7));
    assert!(socket.answers(&host, peer(1)) && !socket.answers(&host, peer(2)));
}

#[test]
fn error_is_reported_once_a_peer() {
    let host = Host { room: 4, ..Host::default() };
    let mut socket = socket();
    assert!(!socket.report_error(), "not a datagram socket yet");
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    socket.name_peer(&host, peer(1), Flags::NONE);
    socket.moved(&host, 1, Direction::Sent);
    assert!(socket.report_error() && !socket.report_error());
    socket.name_peer(&host, peer(2), Flags::NONE);
    socket.moved(&host, 1, Direction::Sent);
    assert!(socket.report_error());
}

#[test]
fn lock_of_a_skipped_tracepoint_expires() {
    let host = Host { room: 4, longest_hold: 100, ..Host::default() };
    let mut socket = socket();
    socket.begin_datagram(Flags::NONE);
    host.thread.set(1);
    socket.name_peer(&host, peer(1), Flags::NONE);
    // The kernel skips its tracepoint.
    host.thread.set(2);
    socket.name_peer(&host, peer(2), Flags::NONE);
    socket.moved(&host, 5, Direction::Sent);
    assert_eq!(socket.busy, 1, "a call of another thread does not unlock it");
    host.now.set(1000);
    socket.name_peer(&host, peer(3), Flags::NONE);
    socket.moved(&host, 7, Direction::Sent);
    assert_eq!((socket.busy, socket.peer_port, socket.sent), (0, 3, 7));
    // The tracepoint was only late.
    host.thread.set(1);
    socket.moved(&host, 9, Direction::Sent);
    let table = host.table.borrow();
    assert_eq!((table[&1].sent, table[&2].sent), (9, 5));
}
