//! What becomes of packets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use egret_enforcer::judge::{Mode, Policy, Refusal, Unattributed};
use egret_enforcer::queue::Settings;
use egret_model::{Attribution, Reason, Verdict};
use egret_tests::until;
use libtest_mimic::Trial;
use nix::sys::socket::{setsockopt, sockopt};

use crate::host::{AT_ONCE, Host, V4, V6, allow, policy, received, settled};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue: what a rule allows goes through, and what none does is refused at once", side_by_side),
        test("queue: a verdict is told before its packet goes on", told_first),
        test("queue: a refused datagram is told to its sender", refused_datagram),
        test("queue: what is dropped waits", dropped),
        test("queue: only the first of its like goes through the slow lane", remembered),
        test(
            "queue: a known program's flow to another peer needs no slow lane where no name matters",
            whatever_the_name,
        ),
        test("queue: a flow of one-way datagrams is queued once", one_way),
        test("queue: nothing is refused before enforcing", before_enforcing),
        test("queue: the owner that is not found is searched for, and then treated as configured", unattributed),
        test("queue: egret's own packets are allowed", own),
        test("queue: bits of marks that are others' are kept", others_bits),
    ]
}

fn side_by_side() {
    let host = Host::new(2);
    for address in [V4, V6] {
        let ((_known, known), (_other, other)) = (host.listen(address), host.listen(address));
        let lanes = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, &allow(known)));
        for _ in 0..3 {
            host.connect(known).unwrap();
            assert_eq!(host.connect(other).unwrap_err(), ErrorKind::ConnectionRefused);
        }
        // One packet each: none was sent a second time.
        let state = settled(&lanes, 6);
        assert_eq!((state.verdicts_of(Verdict::Allow), state.verdicts_of(Verdict::Block)), (3, 3));
        assert_eq!(state.attributions, [(Attribution::Tuple, 6)]);
        assert_eq!((state.latency.count(), state.deferred, state.hits), (6, 2, 4));
        assert!(state.queues.iter().all(|queue| queue.length == 0 && queue.missing == 0 && queue.failed.is_none()));
        // Two lanes tell of them, in no order.
        let mut told = host.fakes.judgements(address, 6);
        told.sort_by_key(|(verdict, _)| *verdict == Verdict::Block);
        let reasons: Vec<_> = told.iter().map(|(verdict, judgement)| (*verdict, judgement.reason)).collect();
        let (allowed, blocked) = ((Verdict::Allow, Reason::Rule), (Verdict::Block, Reason::NoRule));
        assert_eq!(reasons, [[allowed; 3], [blocked; 3]].concat());
        for (_, judgement) in &told[..3] {
            let rule = judgement.rule.as_deref().unwrap();
            assert_eq!(format!("allow {rule}"), allow(known), "also where it was remembered");
        }
        assert!(told.iter().all(|(_, judgement)| judgement.duration_ns.is_some_and(|duration| duration > 0)));
        lanes.stop();
    }
    let granted = host.fakes.granted.lock().unwrap();
    assert_eq!(granted.len(), 2, "what is allowed, each once");
    assert!(granted.iter().all(|(owner, _, mark)| owner.cookie == 7 && *mark == 0x0200_0000));
}

fn told_first() {
    let host = Host::new(2);
    let ((_known, known), (_other, other)) = (host.listen(V4), host.listen(V4));
    let lanes = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, &allow(known)));
    for told in 1..=200 {
        let to = if told % 2 == 0 { known } else { other };
        assert_eq!(host.connect(to).is_ok(), to == known);
        assert_eq!(host.fakes.told.lock().unwrap().len(), told);
    }
    lanes.stop();
}

fn refused_datagram() {
    let host = Host::new(1);
    for address in [V4, V6] {
        let (receiver, to) = host.receiver(address);
        let lanes = host.start(Settings::default(), policy(Mode::Enforce, ""));
        let sender = host.socket(address);
        sender.connect(to).unwrap();
        sender.send(b"x").unwrap();
        sender.set_read_timeout(Some(AT_ONCE)).unwrap();
        assert_eq!(sender.recv(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(received(&receiver), 0);
        lanes.stop();
    }
}

fn dropped() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let drop = Policy { refusal: Refusal::Drop, ..policy(Mode::Enforce, "") };
    let _lanes = host.start(Settings::default(), drop);
    assert_eq!(host.connect(to).unwrap_err(), ErrorKind::TimedOut);
    assert_eq!(host.fakes.judgements(V4, 1)[0].0, Verdict::Block);
}

fn remembered() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let lanes = host.start(Settings::default(), policy(Mode::Learn, ""));
    for _ in 0..20 {
        host.connect(to).unwrap();
    }
    let state = settled(&lanes, 20);
    assert_eq!((state.deferred, state.hits, state.verdicts_of(Verdict::Allow)), (1, 19, 20));
    assert_eq!(host.fakes.identified.load(std::sync::atomic::Ordering::Relaxed), 1);
}

fn whatever_the_name() {
    let host = Host::new(1);
    let (_listener, to) = host.listen("0.0.0.0".parse().unwrap());
    let connect = |last: u8| host.connect(SocketAddr::from(([127, 0, 0, last], to.port()))).map(drop);
    let network = format!("allow exe=/bin/p{0} -> * 127.0.0.0/8 {0}", to.port());
    let lanes = host.start(Settings::default(), policy(Mode::Enforce, &network));
    (1..=9).for_each(|last| connect(last).unwrap());
    let state = settled(&lanes, 9);
    assert_eq!((state.deferred, state.hits), (1, 0), "only to learn who it is");
    let denied = format!("{network}\ndeny exe=/bin/p{0} -> * 127.0.0.7 {0}", to.port());
    lanes.switch(policy(Mode::Enforce, &denied));
    (1..=9).for_each(|last| assert_eq!(connect(last).is_ok(), last != 7));
    assert_eq!(settled(&lanes, 18).deferred, 2, "the other policy");
    for rule in ["deny exe=/bin/p{} -> tcp *.example.org *", "deny * -> * example.org *"] {
        let rule = rule.replace("{}", &to.port().to_string());
        let before = lanes.state();
        lanes.switch(policy(Mode::Enforce, &format!("{network}\n{rule}")));
        (1..=3).for_each(|last| connect(last).unwrap());
        let state = settled(&lanes, before.latency.count() + 3);
        assert_eq!(state.deferred - before.deferred, 3, "each may be that name: {rule}");
    }
    let granted = host.fakes.granted.lock().unwrap();
    assert_eq!(granted.len(), 9 + 8 + 6, "as often as something is allowed for the first time");
}

fn one_way() {
    let host = Host::new(1);
    for address in [V4, V6] {
        let (receiver, to) = host.receiver(address);
        let lanes = host.start(Settings::default(), policy(Mode::Enforce, &allow(to)));
        let sender = host.socket(address);
        for _ in 0..100 {
            sender.send_to(b"x", to).unwrap();
            // The next one may be sent before this one has its verdict.
            until("the datagram", || (received(&receiver) == 1).then_some(()));
        }
        assert_eq!(settled(&lanes, 1).verdicts_of(Verdict::Allow), 1);
        lanes.stop();
    }
}

fn before_enforcing() {
    for (mode, verdict) in [(Mode::Learn, Verdict::Allow), (Mode::Shadow, Verdict::WouldBlock)] {
        let host = Host::new(1);
        let ((_known, known), (_other, other)) = (host.listen(V4), host.listen(V4));
        let _lanes = host.start(Settings::default(), policy(mode, &allow(known)));
        host.connect(known).unwrap();
        host.connect(other).unwrap();
        let told: Vec<_> =
            host.fakes.judgements(V4, 2).into_iter().map(|(told, judgement)| (told, judgement.reason)).collect();
        assert_eq!(told, [(Verdict::Allow, Reason::Rule), (verdict, Reason::NoRule)]);
    }
}

fn unattributed() {
    for (unattributed, verdict) in [(Unattributed::Allow, Verdict::Allow), (Unattributed::Block, Verdict::Block)] {
        let host = Host::new(1);
        let (_listener, to) = host.listen(V4);
        host.fakes.nobody.store(true, std::sync::atomic::Ordering::Relaxed);
        let _lanes = host.start(Settings::default(), Policy { unattributed, ..policy(Mode::Enforce, &allow(to)) });
        assert_eq!(host.connect(to).is_ok(), verdict == Verdict::Allow);
        let told = host.fakes.judgements(V4, 1);
        assert_eq!((told[0].0, told[0].1.reason), (verdict, Reason::Unattributed));
        assert_eq!(told[0].1.attribution, Attribution::Unknown);
        assert_eq!(host.fakes.searched.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

fn own() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    host.fakes.pid.store(4242, std::sync::atomic::Ordering::Relaxed);
    let lanes = host.start(Settings { own_pid: 4242, ..Settings::default() }, policy(Mode::Enforce, ""));
    host.connect(to).unwrap();
    let state = settled(&lanes, 1);
    assert_eq!((state.deferred, state.verdicts_of(Verdict::Allow)), (0, 1));
}

fn others_bits() {
    let host = Host::new(1);
    let (receiver, to) = host.receiver(V4);
    let mut rule = host.namespace.command("iptables-legacy");
    rule.args(["-w", "-A", "OUTPUT", "-m", "mark", "!", "--mark", "0x02001234", "-j", "DROP"]);
    assert!(rule.status().unwrap().success());
    let _lanes = host.start(Settings::default(), policy(Mode::Enforce, &allow(to)));
    let sender = host.socket(V4);
    setsockopt(&sender.as_fd(), sockopt::Mark, &0x1234).unwrap();
    sender.send_to(b"x", to).unwrap();
    until("the datagram", || (received(&receiver) == 1).then_some(()));
}
