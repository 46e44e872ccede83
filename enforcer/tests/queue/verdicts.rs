//! Verdicts and their effects.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{BlockAction, Policy, UnattributedPolicy};
use egret_enforcer::queue::Settings;
use egret_model::{Attribution, Reason, Verdict};
use egret_tests::until;
use libtest_mimic::Trial;
use nix::sys::socket::{setsockopt, sockopt};

use crate::host::{AT_ONCE, Host, V4, V6, allow, policy, received, settled};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::rules_allow_and_unmatched_flows_are_rejected_at_once", side_by_side),
        test("queue::verdict_is_recorded_before_its_packet_is_sent", recorded_first),
        test("queue::sender_of_a_rejected_datagram_gets_an_error", refused_datagram),
        test("queue::dropped_connect_times_out", dropped),
        test("queue::slow_path_sees_only_the_first_packet_of_a_kind", remembered),
        test("queue::flow_of_a_known_program_skips_the_slow_path_unless_names_matter", whatever_the_name),
        test("queue::one_way_datagrams_are_queued_once_a_flow", one_way),
        test("queue::modes_before_enforce_reject_nothing", before_enforcing),
        test("queue::unattributed_packet_is_searched_for_and_treated_as_configured", unattributed),
        test("queue::owner_searches_stay_within_their_budget", searches_are_bounded),
        test("queue::packet_passes_if_every_candidate_is_allowed", several),
        test("queue::packets_of_egret_are_allowed", own),
        test("queue::foreign_mark_bits_are_kept", others_bits),
        test("queue::allowed_packets_traverse_later_rules", rules_behind),
        test("queue::packet_that_passes_once_traverses_later_rules_and_its_flow_is_evaluated_again", rules_behind_once),
        test("queue::rule_that_clears_marks_causes_no_endless_loop", marks_taken_away),
    ]
}

fn side_by_side() {
    let host = Host::new(2);
    for address in [V4, V6] {
        let ((_known, known), (_other, other)) = (host.listen(address), host.listen(address));
        let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, &allow(known)));
        for _ in 0..3 {
            host.connect(known).unwrap();
            assert_eq!(host.connect(other).unwrap_err(), ErrorKind::ConnectionRefused);
        }
        // One packet each: none was retransmitted.
        let state = settled(&workers, 6);
        assert_eq!((state.verdicts_of(Verdict::Allow), state.verdicts_of(Verdict::Block)), (3, 3));
        assert_eq!(state.attributions, [(Attribution::Tuple, 6)]);
        assert_eq!((state.latency.count(), state.deferred, state.hits), (6, 2, 4));
        assert!(state.queues.iter().all(|queue| queue.length == 0 && queue.missing == 0 && queue.failed.is_none()));
        // Two workers record verdicts in any order.
        let mut recorded = host.fakes.evaluations(address, 6);
        recorded.sort_by_key(|(verdict, _)| *verdict == Verdict::Block);
        let reasons: Vec<_> = recorded.iter().map(|(verdict, evaluation)| (*verdict, evaluation.reason)).collect();
        let (allowed, blocked) = ((Verdict::Allow, Reason::Rule), (Verdict::Block, Reason::NoRule));
        assert_eq!(reasons, [[allowed; 3], [blocked; 3]].concat());
        for (_, evaluation) in &recorded[..3] {
            let rule = evaluation.rule.as_deref().unwrap();
            assert_eq!(format!("allow {rule}"), allow(known), "also where it was remembered");
        }
        assert!(recorded.iter().all(|(_, evaluation)| evaluation.duration_ns.is_some_and(|duration| duration > 0)));
        workers.stop();
    }
    let granted = host.fakes.granted.lock().unwrap();
    assert_eq!(granted.len(), 2, "what is allowed, each once");
    assert!(granted.iter().all(|(owner, _, mark)| owner.cookie == 7 && *mark == 0x0300_0000));
}

fn recorded_first() {
    let host = Host::new(2);
    let ((_known, known), (_other, other)) = (host.listen(V4), host.listen(V4));
    let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, &allow(known)));
    for sent in 1..=200 {
        let to = if sent % 2 == 0 { known } else { other };
        assert_eq!(host.connect(to).is_ok(), to == known);
        assert_eq!(host.fakes.recorded.lock().unwrap().len(), sent);
    }
    workers.stop();
}

fn refused_datagram() {
    let host = Host::new(1);
    for address in [V4, V6] {
        let (receiver, to) = host.receiver(address);
        let workers = host.start(Settings::default(), policy(Mode::Enforce, ""));
        let sender = host.socket(address);
        sender.connect(to).unwrap();
        sender.send(b"x").unwrap();
        sender.set_read_timeout(Some(AT_ONCE)).unwrap();
        assert_eq!(sender.recv(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(received(&receiver), 0);
        workers.stop();
    }
}

fn dropped() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let drop = Policy { action: BlockAction::Drop, ..policy(Mode::Enforce, "") };
    let _lanes = host.start(Settings::default(), drop);
    assert_eq!(host.connect(to).unwrap_err(), ErrorKind::TimedOut);
    assert_eq!(host.fakes.evaluations(V4, 1)[0].0, Verdict::Block);
}

fn remembered() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let workers = host.start(Settings::default(), policy(Mode::Learn, ""));
    for _ in 0..20 {
        host.connect(to).unwrap();
    }
    let state = settled(&workers, 20);
    assert_eq!((state.deferred, state.hits, state.verdicts_of(Verdict::Allow)), (1, 19, 20));
    assert_eq!(host.fakes.identified.load(std::sync::atomic::Ordering::Relaxed), 1);
}

fn whatever_the_name() {
    let host = Host::new(1);
    let (_listener, to) = host.listen("0.0.0.0".parse().unwrap());
    let connect = |last: u8| host.connect(SocketAddr::from(([127, 0, 0, last], to.port()))).map(drop);
    let network = format!("allow exe=/bin/p{0} -> * 127.0.0.0/8 {0}", to.port());
    let workers = host.start(Settings::default(), policy(Mode::Enforce, &network));
    (1..=9).for_each(|last| connect(last).unwrap());
    let state = settled(&workers, 9);
    assert_eq!((state.deferred, state.hits), (1, 0), "only to learn who it is");
    let denied = format!("{network}\ndeny exe=/bin/p{0} -> * 127.0.0.7 {0}", to.port());
    workers.switch(policy(Mode::Enforce, &denied));
    (1..=9).for_each(|last| assert_eq!(connect(last).is_ok(), last != 7));
    assert_eq!(settled(&workers, 18).deferred, 2, "the other policy");
    for rule in ["deny exe=/bin/p{} -> tcp *.example.org *", "deny * -> * example.org *"] {
        let rule = rule.replace("{}", &to.port().to_string());
        let before = workers.state();
        workers.switch(policy(Mode::Enforce, &format!("{network}\n{rule}")));
        (1..=3).for_each(|last| connect(last).unwrap());
        let state = settled(&workers, before.latency.count() + 3);
        assert_eq!(state.deferred - before.deferred, 3, "each may be that name: {rule}");
    }
    let granted = host.fakes.granted.lock().unwrap();
    assert_eq!(granted.len(), 9 + 8 + 6, "as often as something is allowed for the first time");
}

fn one_way() {
    let host = Host::new(1);
    for address in [V4, V6] {
        let (receiver, to) = host.receiver(address);
        let workers = host.start(Settings::default(), policy(Mode::Enforce, &allow(to)));
        let sender = host.socket(address);
        for _ in 0..100 {
            sender.send_to(b"x", to).unwrap();
            // The next datagram may be sent before this one has its verdict.
            until("the datagram", || (received(&receiver) == 1).then_some(()));
        }
        assert_eq!(settled(&workers, 1).verdicts_of(Verdict::Allow), 1);
        workers.stop();
    }
}

fn before_enforcing() {
    for (mode, verdict) in [(Mode::Learn, Verdict::Allow), (Mode::Shadow, Verdict::WouldBlock)] {
        let host = Host::new(1);
        let ((_known, known), (_other, other)) = (host.listen(V4), host.listen(V4));
        let _lanes = host.start(Settings::default(), policy(mode, &allow(known)));
        host.connect(known).unwrap();
        host.connect(other).unwrap();
        let recorded: Vec<_> = host
            .fakes
            .evaluations(V4, 2)
            .into_iter()
            .map(|(recorded, evaluation)| (recorded, evaluation.reason))
            .collect();
        assert_eq!(recorded, [(Verdict::Allow, Reason::Rule), (verdict, Reason::NoRule)]);
    }
}

fn unattributed() {
    for (unattributed, verdict) in
        [(UnattributedPolicy::Allow, Verdict::Allow), (UnattributedPolicy::Block, Verdict::Block)]
    {
        let host = Host::new(1);
        let (_listener, to) = host.listen(V4);
        host.fakes.has_no_owner.store(true, std::sync::atomic::Ordering::Relaxed);
        let _lanes = host.start(Settings::default(), Policy { unattributed, ..policy(Mode::Enforce, &allow(to)) });
        assert_eq!(host.connect(to).is_ok(), verdict == Verdict::Allow);
        let recorded = host.fakes.evaluations(V4, 1);
        assert_eq!((recorded[0].0, recorded[0].1.reason), (verdict, Reason::Unattributed));
        assert_eq!(recorded[0].1.attribution, Attribution::Unknown);
        assert_eq!(host.fakes.searched.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

/// Slow searches do not delay the packets behind them.
fn searches_are_bounded() {
    const SENDERS: usize = 20;
    let host = Host::new(1);
    let (receiver, to) = host.receiver(V4);
    host.fakes.has_no_owner.store(true, std::sync::atomic::Ordering::Relaxed);
    host.fakes.search_ms.store(2000, std::sync::atomic::Ordering::Relaxed);
    let workers = host
        .start(Settings::default(), Policy { unattributed: UnattributedPolicy::Allow, ..policy(Mode::Enforce, "") });
    for _ in 0..SENDERS {
        host.socket(V4).send_to(b"x", to).unwrap();
    }
    host.fakes.evaluations(V4, SENDERS);
    let searched = host.fakes.searched.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=3).contains(&searched), "{searched} searches");
    assert_eq!(workers.state().unsearched + searched, SENDERS as u64);
    let mut passed = 0;
    until("all datagrams", || {
        passed += received(&receiver);
        (passed == SENDERS).then_some(())
    });
}

fn several() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    host.fakes.has_no_owner.store(true, std::sync::atomic::Ordering::Relaxed);
    let rules =
        |programs: [u16; 2]| programs.map(|port| format!("allow exe=/bin/p{port} -> tcp * {}", to.port())).join("\n");
    for (count, (allowed, candidates, passes)) in
        [([1, 2], vec![1, 2], true), ([1, 2], vec![1, 3], false), ([1, 2], vec![2], true)].into_iter().enumerate()
    {
        *host.fakes.candidates.lock().unwrap() = candidates;
        let blocking = Policy { unattributed: UnattributedPolicy::Block, ..policy(Mode::Enforce, &rules(allowed)) };
        let workers = host.start(Settings::default(), blocking);
        assert_eq!(host.connect(to).is_ok(), passes);
        let recorded = host.fakes.evaluations(V4, count + 1);
        let reason = if passes { Reason::Rule } else { Reason::Unattributed };
        assert_eq!(recorded[count].1.reason, reason);
        workers.stop();
    }
}

fn own() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    host.fakes.pid.store(4242, std::sync::atomic::Ordering::Relaxed);
    let workers = host.start(Settings { own_pid: 4242, ..Settings::default() }, policy(Mode::Enforce, ""));
    host.connect(to).unwrap();
    let state = settled(&workers, 1);
    assert_eq!((state.deferred, state.verdicts_of(Verdict::Allow)), (0, 1));
}

fn others_bits() {
    let host = Host::new(1);
    let (receiver, to) = host.receiver(V4);
    let mut rule = host.namespace.command("iptables-legacy");
    rule.args(["-w", "-A", "OUTPUT", "-m", "mark", "!", "--mark", "0x03001234", "-j", "DROP"]);
    assert!(rule.status().unwrap().success());
    let _lanes = host.start(Settings::default(), policy(Mode::Enforce, &allow(to)));
    let sender = host.socket(V4);
    setsockopt(&sender.as_fd(), sockopt::Mark, &0x1234).unwrap();
    sender.send_to(b"x", to).unwrap();
    until("the datagram", || (received(&receiver) == 1).then_some(()));
}

/// Behind the queue rule: a foreign mark, as for a separate route, without which nothing leaves.
fn mark_behind(host: &Host) {
    for words in ["-t mangle -A OUTPUT -j MARK --set-xmark 0x77/0xff", "-A OUTPUT -m mark ! --mark 0x77/0xff -j DROP"] {
        let mut rule = host.namespace.command("iptables-legacy");
        assert!(rule.arg("-w").args(words.split(' ')).status().unwrap().success());
    }
}

fn rules_behind() {
    let host = Host::new(2);
    mark_behind(&host);
    let (receiver, to) = host.receiver(V4);
    let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, &allow(to)));
    // The slow path handles the first packet, a fast path the others.
    for sent in 1..=3 {
        host.send(to);
        until("the datagram", || (received(&receiver) == 1).then_some(()));
        settled(&workers, sent);
    }
    workers.stop();
}

fn rules_behind_once() {
    let host = Host::new(1);
    mark_behind(&host);
    let (receiver, to) = host.receiver(V4);
    host.fakes.is_late.store(true, std::sync::atomic::Ordering::Relaxed);
    let workers = host.start(Settings::default(), policy(Mode::Enforce, ""));
    let sender = host.socket(V4);
    for sent in 1..=2 {
        sender.send_to(b"x", to).unwrap();
        until("the datagram", || (received(&receiver) == 1).then_some(()));
        let state = settled(&workers, sent);
        assert_eq!((state.late, state.verdicts_of(Verdict::Allow)), (sent, sent));
    }
    workers.stop();
}

fn marks_taken_away() {
    let host = Host::new(1);
    let mut rule = host.namespace.command("iptables-legacy");
    rule.args(["-w", "-t", "mangle", "-I", "OUTPUT", "-j", "MARK", "--set-mark", "0"]);
    assert!(rule.status().unwrap().success());
    let ((allowed, to), (refused, other)) = (host.receiver(V4), host.receiver(V4));
    let _lanes = host.start(Settings::default(), policy(Mode::Enforce, &allow(to)));
    host.send(to);
    until("the datagram", || (received(&allowed) == 1).then_some(()));
    // A blocked packet arrives nowhere; the later packet proves that it is not on its way any more.
    host.send(other);
    host.send(to);
    until("the datagram", || (received(&allowed) == 1).then_some(()));
    assert_eq!(received(&refused), 0);
}
