//! Start and stop of the workers.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{FailurePolicy, Policy};
use egret_enforcer::queue::{Settings, WorkersError};
use egret_model::{Reason, Verdict};
use egret_tests::until;
use libtest_mimic::Trial;

use crate::host::{Host, V4, policy, received};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::stop_releases_held_packets", || stop_holding(FailurePolicy::Open)),
        test("queue::stop_rejects_held_packets_if_closed", || stop_holding(FailurePolicy::Closed)),
        test("queue::stop_gives_verdicts_on_queued_packets", stop_waiting),
        test("queue::idle_workers_are_stopped_and_started_again", again),
        test("queue::error_names_the_queue_that_another_program_reads", occupied),
        test("queue::packets_during_the_setup_are_not_lost", start_under_load),
    ]
}

/// Packets that are held for an answer.
fn stop_holding(on_failure: FailurePolicy) {
    let host = Host::new(1);
    let (receiver, to) = host.receiver(V4);
    let policy = Policy { ask: true, on_failure, ..policy(Mode::Enforce, "") };
    let hold = Duration::from_secs(60);
    let workers = host.start(Settings { on_failure, hold, ..Settings::default() }, policy);
    (0..10).for_each(|_| host.send(to));
    until("packets to be held", || (workers.state().parked_now == 10).then_some(()));
    let begun = Instant::now();
    workers.stop();
    assert!(begun.elapsed() < hold);
    let recorded = host.fakes.evaluations(V4, 10);
    let verdict = if on_failure == FailurePolicy::Open { Verdict::Allow } else { Verdict::Block };
    assert!(recorded.iter().all(|(recorded, evaluation)| (*recorded, evaluation.reason) == (verdict, Reason::Late)));
    assert_eq!(received(&receiver), if on_failure == FailurePolicy::Open { 10 } else { 0 });
}

/// Packets that no worker has received yet.
fn stop_waiting() {
    let host = Host::new(2);
    let (receiver, to) = host.receiver(V4);
    let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Learn, ""));
    let closed = host.fakes.finding.close();
    (0..200).for_each(|_| host.send(to));
    assert_eq!(workers.state().queues.iter().map(|queue| queue.length).sum::<u32>(), 200);
    std::thread::scope(|scope| {
        scope.spawn(|| workers.stop());
        drop(closed);
    });
    assert_eq!((host.fakes.evaluations(V4, 200).len(), received(&receiver)), (200, 200));
}

fn again() {
    let host = Host::with_rules(2, "--queue-bypass");
    let (_listener, to) = host.listen(V4);
    for round in 1..=3 {
        let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Enforce, ""));
        assert_eq!(host.connect(to).unwrap_err(), ErrorKind::ConnectionRefused, "round {round}");
        workers.stop();
        host.connect(to).expect("nobody reads the queues");
    }
}

fn occupied() {
    let host = Host::new(1);
    let _lanes = host.start(Settings::default(), policy(Mode::Learn, ""));
    let Err(error) = host.try_start(Settings::default(), policy(Mode::Learn, "")) else { panic!("both read it") };
    assert!(matches!(error, WorkersError::Bind { number: 1, .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot read queue 1");
    assert!(error.source().is_some());
    let none = host.try_start(Settings { first_queue: u16::MAX, ..Settings::default() }, policy(Mode::Learn, ""));
    assert!(matches!(none, Err(WorkersError::Numbers { .. })));
}

/// The queue is configured in several messages while packets arrive.
fn start_under_load() {
    let host = Host::with_rules(1, "--queue-bypass");
    let (_receiver, to) = host.receiver(V4);
    std::thread::scope(|scope| {
        let (is_over, over) = std::sync::mpsc::channel::<()>();
        scope.spawn(|| {
            let over = over;
            while over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                host.send(to);
            }
        });
        for _ in 0..20 {
            let workers = host.start(Settings::default(), policy(Mode::Learn, ""));
            until("a verdict", || (workers.state().verdicts_of(Verdict::Allow) > 0).then_some(()));
            // A packet that was lost would stay in the queue.
            until("no packet without a verdict", || (workers.state().queues[0].length == 0).then_some(()));
            workers.stop();
        }
        drop(is_over);
    });
}
