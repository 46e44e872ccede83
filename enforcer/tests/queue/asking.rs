//! Flows that raise questions.

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use egret_enforcer::Mode;
use egret_enforcer::ask::{Answer, Change, Extent, Lasts, Watcher, Which};
use egret_enforcer::evaluate::Policy;
use egret_enforcer::queue::Settings;
use egret_model::{Reason, Verdict};
use egret_tests::until;
use libtest_mimic::Trial;

use crate::host::{Host, V4, V6, policy};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::unanswered_packet_is_rejected_after_the_hold", unanswered),
        test("queue::packet_is_rejected_at_once_without_a_hold", unheld),
        test("queue::answer_releases_the_held_packet", answered),
        test("queue::answer_applies_to_the_next_connection", next_time),
        test("queue::answer_for_one_flow_is_used_once", once),
    ]
}

fn asking() -> Policy {
    Policy { ask: true, ..policy(Mode::Enforce, "") }
}

fn settings(hold: Duration) -> Settings {
    Settings { hold, ..Settings::default() }
}

fn answer(allow: bool, lasts: Lasts) -> Answer {
    Answer { allow, lasts, extent: Extent::default() }
}

fn unanswered() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let workers = host.start(settings(Duration::from_millis(300)), asking());
    let begun = Instant::now();
    assert_eq!(host.connect(to).unwrap_err(), ErrorKind::ConnectionRefused);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let questions = host.questions.open();
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].executable.as_deref(), Some(&*format!("/bin/p{}", to.port())));
    assert_eq!((&*questions[0].destination, questions[0].port), ("127.0.0.1", Some(to.port())));
    assert_eq!(workers.state().parked, 1);
    let held: Vec<_> = host.fakes.held.lock().unwrap().iter().map(|(_, flow, _)| flow.peer).collect();
    assert_eq!(held, [to], "whoever waits for the verdict is notified");
    until("nothing to be held any more", || (workers.state().parked_now == 0).then_some(()));
    assert_eq!(host.fakes.evaluations(V4, 1)[0].1.reason, Reason::NoRule);
}

fn unheld() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V6);
    let workers = host.start(settings(Duration::ZERO), asking());
    assert_eq!(host.connect(to).unwrap_err(), ErrorKind::ConnectionRefused);
    assert_eq!((host.questions.open().len(), workers.state().parked), (1, 0));
}

fn answered() {
    for allow in [true, false] {
        let host = Host::new(1);
        let (_listener, to) = host.listen(V4);
        // Answers from another thread as soon as the question is raised.
        let (asked, ask) = std::sync::mpsc::channel();
        let watcher: Arc<Watcher> = Arc::new(move |change| {
            if change == Change::Asked {
                asked.send(()).unwrap();
            }
        });
        host.questions.watch(&watcher);
        let _lanes = host.start(settings(Duration::from_secs(60)), asking());
        let outcome = thread::scope(|scope| {
            let (host, ask) = (&host, ask);
            scope.spawn(move || {
                ask.recv().unwrap();
                host.questions.answer(&Which::Id(1), answer(allow, Lasts::UntilRestart)).unwrap();
            });
            host.connect(to)
        });
        assert_eq!(outcome.err(), (!allow).then_some(ErrorKind::ConnectionRefused));
        // The packet was held: none was retransmitted.
        let recorded = host.fakes.evaluations(V4, 1);
        let verdict = if allow { Verdict::Allow } else { Verdict::Block };
        assert_eq!((recorded[0].0, recorded[0].1.reason), (verdict, Reason::Answer));
        assert!(host.fakes.granted.lock().unwrap().is_empty(), "only rules are");
    }
}

fn next_time() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let _lanes = host.start(settings(Duration::ZERO), asking());
    host.connect(to).unwrap_err();
    let settled = host.questions.answer(&Which::Id(1), answer(true, Lasts::Always)).unwrap();
    assert!(settled.always);
    assert_eq!(
        settled.rules[0].to_string(),
        format!("exe=/bin/p{0} user=tester -> tcp 127.0.0.1 {0}", to.port()),
        "it is to become a rule"
    );
    for _ in 0..3 {
        host.connect(to).unwrap();
    }
    assert!(host.questions.withdraw(1));
    host.connect(to).unwrap_err();
}

fn once() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let _lanes = host.start(settings(Duration::ZERO), asking());
    host.connect(to).unwrap_err();
    host.questions.answer(&Which::Id(1), answer(true, Lasts::Once)).unwrap();
    host.connect(to).unwrap();
    host.connect(to).unwrap_err();
    assert_eq!(host.questions.open()[0].id, 2, "it is asked again");
}
