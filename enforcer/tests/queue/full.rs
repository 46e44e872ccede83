//! More packets than the queue holds.

use egret_enforcer::Mode;
use egret_enforcer::evaluate::FailurePolicy;
use egret_enforcer::queue::Settings;
use egret_model::Verdict;
use egret_tests::until;
use libtest_mimic::Trial;

use crate::host::{Host, V4, policy, received};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::packets_beyond_the_queue_pass_if_open", || full(FailurePolicy::Open)),
        test("queue::packets_beyond_the_queue_are_dropped_if_closed", || full(FailurePolicy::Closed)),
    ]
}

/// The worker evaluates one packet, the queue holds some, and the rest exceeds it.
fn full(on_failure: FailurePolicy) {
    const SENT: u64 = 100;
    const ROOM: u32 = 20;
    let host = Host::new(1);
    let (receiver, to) = host.receiver(V4);
    let settings = Settings { on_failure, queue_length: ROOM, ..Settings::default() };
    let workers = host.start(settings, policy(Mode::Learn, ""));
    // A packet with a cached verdict, so that the next one is evaluated by the worker alone.
    host.send(to);
    until("the first one", || (received(&receiver) == 1).then_some(()));
    let closed = host.fakes.finding.close();
    (0..SENT).for_each(|_| host.send(to));
    let waiting = u64::from(workers.state().queues[0].length);
    assert!((u64::from(ROOM)..=u64::from(ROOM) * 3 / 2).contains(&waiting), "{waiting} of {ROOM}");
    let unseen = SENT - waiting;
    let passed = u64::try_from(received(&receiver)).unwrap();
    assert_eq!(passed, if on_failure == FailurePolicy::Open { unseen } else { 0 });
    drop(closed);
    until("verdicts", || (workers.state().verdicts_of(Verdict::Allow) == 1 + waiting).then_some(()));
    assert_eq!(u64::try_from(received(&receiver)).unwrap(), waiting);
    // Missing packets are detected with the next one.
    host.send(to);
    until("another one", || (received(&receiver) == 1).then_some(()));
    let queue = &workers.state().queues[0];
    assert_eq!(queue.missing, unseen);
    assert_eq!(queue.dropped_user + queue.dropped_full, if on_failure == FailurePolicy::Open { 0 } else { unseen });
    assert_eq!((queue.length, queue.capacity), (0, ROOM));
}
