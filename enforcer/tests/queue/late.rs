//! Identification exceeds its deadline.

use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{FailurePolicy, Policy};
use egret_enforcer::queue::Settings;
use egret_model::{Reason, Verdict};
use egret_tests::until;
use libtest_mimic::Trial;

use crate::host::{Host, V4, allow, policy, settled};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::late_packet_passes_if_open", || late(FailurePolicy::Open)),
        test("queue::late_packet_is_rejected_if_closed", || late(FailurePolicy::Closed)),
    ]
}

fn late(on_failure: FailurePolicy) {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    host.fakes.is_late.store(true, Ordering::Relaxed);
    let policy = Policy { on_failure, ..policy(Mode::Enforce, &allow(to)) };
    let settings = Settings { identify_within: Duration::from_millis(100), ..Settings::default() };
    let workers = host.start(settings, policy);
    let outcomes: Vec<_> = (0..10).map(|_| host.connect(to)).collect();
    assert_eq!(host.fakes.identified.load(Ordering::Relaxed), 3, "it was not waited for ten times");
    let expected = if on_failure == FailurePolicy::Open { None } else { Some(ErrorKind::ConnectionRefused) };
    assert!(outcomes.into_iter().all(|outcome| outcome.err() == expected));
    let state = settled(&workers, 10);
    assert_eq!((state.late, state.hits), (10, 0), "it is not remembered");
    let recorded = host.fakes.evaluations(V4, 10);
    let verdict = if on_failure == FailurePolicy::Open { Verdict::Allow } else { Verdict::Block };
    assert!(recorded.iter().all(|(recorded, evaluation)| (*recorded, evaluation.reason) == (verdict, Reason::Late)));
    assert!(host.fakes.granted.lock().unwrap().is_empty());
    host.fakes.is_late.store(false, Ordering::Relaxed);
    let (_receiver, to) = host.receiver(V4);
    until("to be asked again", || {
        host.send(to);
        host.fakes.recorded.lock().unwrap().iter().any(|recorded| recorded.3.reason != Reason::Late).then_some(())
    });
}
