//! Events and the verdicts on their flows.

use std::thread::sleep;

use egret_model::{ConnectionId, NetworkNamespace, ProcessId, Reason, Transport, sample};

use super::portless::SENDS;
use super::*;

fn datagram(socket: u64, name: EventName) -> Event {
    let mut event = sample::event();
    event.id = ConnectionId { socket, opened: 1 };
    event.name = name;
    event.transport = Some(Transport::Udp);
    event.peer.address = Some([192, 0, 2, 1].into());
    event.peer.port = Some(53);
    (event.inbound, event.preexisting, event.verdict, event.evaluation) = (false, false, None, None);
    event
}

fn flow(socket: u64) -> (Owner, Flow) {
    let process = ProcessId { pid: 1, uid: 0, start_ns: 1, exec_id: 1, cgroup_id: 1, parent_pid: 0 };
    let owner = Owner { process, cookie: socket, attribution: Attribution::Diag, inbound: false };
    let local = SocketAddr::from(([192, 0, 2, 9], 4000));
    (owner, Flow { transport: Transport::Udp, local, peer: SocketAddr::from(([192, 0, 2, 1], 53)), interface: None })
}

fn evaluate(verdicts: &Verdicts, socket: u64, verdict: Verdict) {
    let (owner, flow) = flow(socket);
    let evaluation =
        Evaluation { reason: Reason::NoRule, rule: None, attribution: Attribution::Diag, duration_ns: Some(1) };
    verdicts.record(Some(&owner), Some(&flow), verdict, &Arc::new(evaluation));
}

#[test]
fn event_waits_for_a_later_verdict_in_order() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let events = vec![datagram(7, EventName::DatagramSend), datagram(7, EventName::ConnectionClose)];
    assert!(pending.pass(events, &verdicts).is_empty());
    evaluate(&verdicts, 7, Verdict::Block);
    sleep(PATIENCE);
    let passed = pending.pass(Vec::new(), &verdicts);
    let seen: Vec<_> = passed.iter().map(|event| (event.name, event.verdict)).collect();
    let blocked = Some(Verdict::Block);
    assert_eq!(seen, [(EventName::DatagramSend, blocked), (EventName::ConnectionClose, blocked)]);
    assert_eq!((verdicts.blocked_pairs(), pending.next_due()), (1, None));
}

/// As when somebody is asked: seconds may pass.
#[test]
fn only_events_of_a_held_packet_wait() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let (owner, held) = flow(7);
    verdicts.held(&owner, &held, Instant::now() + Duration::from_secs(3600));
    let names = [EventName::DatagramSend, EventName::DatagramSend, EventName::ConnectionClose];
    pending.pass(vec![datagram(7, names[0]), datagram(8, names[0])], &verdicts);
    let mut others = Vec::new();
    for (round, name) in [Some(names[1]), Some(names[2]), None, None].into_iter().enumerate() {
        sleep(PATIENCE);
        let passed = pending.pass(name.into_iter().map(|name| datagram(7, name)).collect(), &verdicts);
        others.extend(passed.iter().map(|event| (round, event.id.socket)));
    }
    assert_eq!(others, [(0, 8)], "an event of a flow whose packet is not held goes on after a moment");
    evaluate(&verdicts, 7, Verdict::Block);
    sleep(PATIENCE);
    let passed = pending.pass(Vec::new(), &verdicts);
    let seen: Vec<_> = passed.iter().map(|event| (event.name, event.verdict)).collect();
    assert_eq!(seen, names.map(|name| (name, Some(Verdict::Block))));
    assert_eq!((verdicts.blocked_pairs(), pending.next_due()), (1, None));
    assert!(pending.waiting.is_empty() && pending.count == 0);
}

#[test]
fn event_of_a_held_packet_does_not_wait_beyond_its_deadline() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let (owner, held) = flow(7);
    verdicts.held(&owner, &held, Instant::now());
    pending.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts);
    sleep(PATIENCE);
    assert_eq!(pending.pass(Vec::new(), &verdicts).len(), 1);
    assert!(lock(&verdicts.held).is_empty());
}

#[test]
fn loopback_event_waits_only_if_loopback_is_evaluated() {
    for judges_loopback in [false, true] {
        let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
        verdicts.set_evaluating(true, judges_loopback);
        let mut event = datagram(7, EventName::DatagramSend);
        event.peer.address = Some([127, 0, 0, 1].into());
        assert_eq!(pending.pass(vec![event.clone()], &verdicts).is_empty(), judges_loopback);
        event.id.socket = 8;
        event.peer.address = Some("::1".parse().unwrap());
        event.local.address = Some("2001:db8:1::1".parse().unwrap());
        assert!(pending.pass(vec![event], &verdicts).is_empty(), "an address of others");
    }
}

#[test]
fn event_with_a_known_verdict_does_not_wait() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    evaluate(&verdicts, 7, Verdict::Allow);
    let passed = pending.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts);
    assert_eq!(passed[0].evaluation.as_ref().map(|evaluation| evaluation.reason), Some(Reason::NoRule));
}

#[test]
fn no_event_waits_without_evaluation() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    assert_eq!(pending.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts).len(), 1);
}

fn echo(pid: u32) -> Event {
    let mut event = datagram(0, EventName::DatagramSend);
    event.transport = Some(Transport::Icmp);
    event.boot_ns = boot_now();
    event.peer = Endpoint::default();
    Arc::make_mut(event.process.as_mut().unwrap()).pid = pid;
    event
}

fn echo_owner(pid: u32) -> Owner {
    let process = ProcessId { pid, uid: 0, start_ns: 1, exec_id: 1, cgroup_id: 1, parent_pid: 0 };
    Owner { process, cookie: 0, attribution: Attribution::Procfs, inbound: false }
}

fn echo_flow(last: u8) -> Flow {
    let end = |last| SocketAddr::from(([192, 0, 2, last], 0));
    Flow { transport: Transport::Icmp, local: end(9), peer: end(last), interface: None }
}

fn judge_echo_of(verdicts: &Verdicts, owner: Option<&Owner>, last: u8, verdict: Verdict) {
    let (reason, attribution) = (Reason::NoRule, Attribution::Procfs);
    let evaluation = Evaluation { reason, rule: None, attribution, duration_ns: Some(1) };
    verdicts.record(owner, Some(&echo_flow(last)), verdict, &Arc::new(evaluation));
}

fn judge_echo(verdicts: &Verdicts, pid: u32, last: u8) {
    judge_echo_of(verdicts, Some(&echo_owner(pid)), last, Verdict::Allow);
}

/// A packet that came then is blocked now.
fn judge_echo_that_came(verdicts: &Verdicts, came_ns: u64, last: u8) {
    let duration_ns = Some(boot_now() - came_ns);
    let (reason, attribution) = (Reason::NoRule, Attribution::Procfs);
    let evaluation = Evaluation { reason, rule: None, attribution, duration_ns };
    verdicts.record(Some(&echo_owner(7)), Some(&echo_flow(last)), Verdict::Block, &Arc::new(evaluation));
}

/// Peers and verdicts of what passes now.
fn seen(passed: &[Event]) -> Vec<(Option<IpAddr>, Option<Verdict>)> {
    passed.iter().map(|event| (event.peer.address, event.verdict)).collect()
}

fn blocked(last: u8) -> (Option<IpAddr>, Option<Verdict>) {
    (Some([192, 0, 2, last].into()), Some(Verdict::Block))
}

/// An event of a moment that is so long ago that its verdict would have come soon if the packet were not held.
fn late_echo(pid: u32) -> Event {
    let mut event = echo(pid);
    event.boot_ns -= LATER_NS - LATER_NS / 10;
    event
}

#[test]
fn portless_event_waits_for_its_held_packet() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    verdicts.held(&echo_owner(7), &echo_flow(1), Instant::now() + Duration::from_secs(3600));
    let event = late_echo(7);
    let sent_ns = event.boot_ns;
    assert!(pending.pass(vec![event], &verdicts).is_empty());
    for _ in 0..3 {
        sleep(PATIENCE);
        assert!(pending.pass(Vec::new(), &verdicts).is_empty(), "it is still held");
    }
    judge_echo_of(&verdicts, Some(&echo_owner(7)), 2, Verdict::Allow);
    assert!(pending.pass(Vec::new(), &verdicts).is_empty(), "that was another packet");
    judge_echo_that_came(&verdicts, sent_ns, 1);
    sleep(PATIENCE);
    assert_eq!(seen(&pending.pass(Vec::new(), &verdicts)), [blocked(1)]);
}

#[test]
fn portless_event_of_a_held_packet_does_not_wait_beyond_its_deadline() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    verdicts.held(&echo_owner(7), &echo_flow(1), Instant::now());
    assert!(pending.pass(vec![late_echo(7)], &verdicts).is_empty());
    sleep(PATIENCE);
    sleep(PATIENCE);
    assert_eq!(pending.pass(Vec::new(), &verdicts).len(), 1);
}

#[test]
fn portless_event_waits_for_a_slow_verdict() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let mut event = echo(7);
    // Time stands still for the event: it is sent an hour from now.
    event.boot_ns += 3_600_000_000_000;
    pending.pass(vec![event], &verdicts);
    for _ in 0..3 {
        sleep(PATIENCE);
        assert!(pending.pass(Vec::new(), &verdicts).is_empty());
    }
    assert_eq!(pending.flush(&verdicts).len(), 1);
}

#[test]
fn unattributed_packet_belongs_to_the_only_sender() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    judge_echo_of(&verdicts, None, 1, Verdict::Block);
    assert!(pending.pass(vec![echo(7)], &verdicts).is_empty(), "its own verdict may come");
    assert_eq!(seen(&pending.flush(&verdicts)), [blocked(1)]);
}

#[test]
fn unattributed_packet_among_several_senders_stays_unattributed() {
    let other = |event: fn(&mut Event)| {
        let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
        verdicts.set_evaluating(true, false);
        judge_echo_of(&verdicts, None, 1, Verdict::Block);
        let mut beside = echo(8);
        event(&mut beside);
        pending.pass(vec![echo(7), beside], &verdicts);
        seen(&pending.flush(&verdicts))
    };
    assert_eq!(other(|_| ()), [(None, None); 2], "either may have sent it");
    let alone = other(|beside| beside.transport = Some(Transport::Raw(89)));
    assert_eq!(alone, [blocked(1), (None, None)], "that was no ICMP");
    let before = other(|beside| beside.boot_ns -= 60_000_000_000);
    assert!(before.contains(&blocked(1)) && before.contains(&(None, None)), "that was long ago: {before:?}");
}

#[test]
fn unattributed_packet_is_not_assigned_across_namespaces_or_after_evictions() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    judge_echo_of(&verdicts, None, 1, Verdict::Block);
    let mut elsewhere = echo(7);
    elsewhere.namespace = Some(NetworkNamespace { inode: 1, own: false });
    assert_eq!(seen(&pending.pass(vec![elsewhere, echo(9)], &verdicts)), [(None, None)], "it is not evaluated");
    assert_eq!(seen(&pending.flush(&verdicts)), [blocked(1)]);
    let mut last = Vec::new();
    for _ in 0..=SENDS {
        pending.pass(vec![echo(9)], &verdicts);
        last = pending.flush(&verdicts);
    }
    assert_eq!(seen(&last), [(None, None)], "who else sent is not known any more");
    assert!(lock(&verdicts.portless).sends.len() <= SENDS);
}

#[test]
fn portless_event_gets_its_peer_with_its_verdict() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    assert!(pending.pass(vec![echo(7)], &verdicts).is_empty(), "it waits");
    judge_echo(&verdicts, 7, 1);
    sleep(PATIENCE);
    let passed = pending.pass(Vec::new(), &verdicts);
    assert_eq!(passed[0].peer.address, Some([192, 0, 2, 1].into()));
    assert_eq!(passed[0].verdict, Some(Verdict::Allow));
}

#[test]
fn peer_is_neither_guessed_among_several_nor_taken_from_another_process() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    judge_echo(&verdicts, 7, 1);
    judge_echo(&verdicts, 7, 2);
    judge_echo(&verdicts, 8, 3);
    pending.pass(vec![echo(7), echo(9)], &verdicts);
    let all = pending.flush(&verdicts);
    assert!(all.len() == 2 && all.iter().all(|event| event.peer.address.is_none()), "{all:?}");
}

/// As `ping` does that connects its socket, and as every call reports it.
#[test]
fn portless_event_with_a_peer_gets_the_verdict_on_that_peer() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let mut event = echo(7);
    event.peer.address = Some([192, 0, 2, 2].into());
    assert!(pending.pass(vec![event], &verdicts).is_empty(), "it waits");
    judge_echo_of(&verdicts, Some(&echo_owner(7)), 1, Verdict::Allow);
    judge_echo_of(&verdicts, Some(&echo_owner(7)), 2, Verdict::Block);
    sleep(PATIENCE);
    assert_eq!(seen(&pending.pass(Vec::new(), &verdicts)), [blocked(2)]);
}

/// A call is over before anybody has asked for the cookie of its socket.
#[test]
fn call_without_a_socket_gets_the_verdict_on_the_packet_of_its_process() {
    for name in [EventName::DatagramSend, EventName::ConnectionOpen, EventName::ConnectionFailed] {
        let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
        verdicts.set_evaluating(true, false);
        let mut event = datagram(1 << 63 | 7, name);
        event.layer = Layer::Syscalls;
        event.boot_ns = boot_now();
        Arc::make_mut(event.process.as_mut().unwrap()).pid = 1;
        assert!(pending.pass(vec![event], &verdicts).is_empty(), "it waits");
        let (mut owner, flow) = flow(7);
        owner.attribution = Attribution::Procfs;
        verdicts.held(&owner, &flow, Instant::now() + Duration::from_secs(3600));
        sleep(Duration::from_nanos(LATER_NS));
        assert!(pending.pass(Vec::new(), &verdicts).is_empty(), "its packet is held");
        let attribution = owner.attribution;
        let evaluation = Evaluation { reason: Reason::NoRule, rule: None, attribution, duration_ns: Some(LATER_NS) };
        verdicts.record(Some(&owner), Some(&flow), Verdict::Block, &Arc::new(evaluation));
        sleep(PATIENCE);
        let passed = pending.pass(Vec::new(), &verdicts);
        assert_eq!(passed[0].verdict, Some(Verdict::Block), "{name:?}");
        assert_eq!(verdicts.blocked_pairs(), 1);
    }
}

/// Where several processes share a port, the packet does not say which of them sent it; the event does.
#[test]
fn packet_without_owner_is_found_by_its_local_port_and_peer() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    let (_, flow) = flow(7);
    let sent = |port, own| {
        let mut event = datagram(7, EventName::DatagramSend);
        event.boot_ns = boot_now();
        event.local.port = Some(port);
        event.namespace = Some(NetworkNamespace { inode: 1, own });
        event
    };
    let (reason, attribution) = (Reason::Unattributed, Attribution::Unknown);
    let evaluation = Evaluation { reason, rule: None, attribution, duration_ns: Some(1) };
    verdicts.record(None, Some(&flow), Verdict::WouldBlock, &Arc::new(evaluation));
    let passed = pending.pass(vec![sent(flow.local.port(), true)], &verdicts);
    assert_eq!(passed[0].verdict, Some(Verdict::WouldBlock));
    assert!(pending.pass(vec![sent(4001, true)], &verdicts).is_empty(), "that of another port is waited for");
    let elsewhere = pending.pass(vec![sent(flow.local.port(), false)], &verdicts);
    assert!(elsewhere.iter().all(|event| event.verdict.is_none()), "packets of other namespaces are not evaluated");
}

#[test]
fn flush_releases_every_pending_event() {
    let (verdicts, mut pending) = (Verdicts::default(), PendingEvents::default());
    verdicts.set_evaluating(true, false);
    pending.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts);
    assert_eq!(pending.flush(&verdicts).len(), 1);
}
