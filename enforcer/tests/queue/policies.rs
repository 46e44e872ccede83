//! A policy replaces another while packets arrive.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use egret_enforcer::Mode;
use egret_enforcer::evaluate::Policy;
use egret_enforcer::queue::Settings;
use egret_model::Verdict;
use libtest_mimic::Trial;

use crate::host::{Host, V4, allow, policy, settled};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::policy_applies_at_once", at_once),
        test("queue::policy_switch_under_load_loses_no_packet", under_load),
    ]
}

fn at_once() {
    let host = Host::new(1);
    let (_listener, to) = host.listen(V4);
    let workers = host.start(Settings::default(), policy(Mode::Learn, ""));
    for generation in 1..10 {
        host.connect(to).unwrap();
        workers.switch(Policy { generation, ..policy(Mode::Enforce, "") });
        assert_eq!(host.connect(to).unwrap_err(), ErrorKind::ConnectionRefused);
        workers.switch(Policy { generation, ..policy(Mode::Enforce, &allow(to)) });
        host.connect(to).unwrap();
        let mark = host.fakes.granted.lock().unwrap().last().unwrap().2;
        assert_eq!(mark, (3 + generation) << 24);
        assert_eq!(workers.policy().generation, generation);
    }
    assert_eq!(host.fakes.revoked.load(Ordering::Relaxed), 18);
}

fn under_load() {
    const EACH: u64 = 300;
    let host = Host::new(2);
    let (listener, to) = host.listen(V4);
    let workers = host.start(Settings { count: 2, ..Settings::default() }, policy(Mode::Learn, ""));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| listener.incoming().take(usize::try_from(2 * EACH).unwrap()).for_each(drop));
        let clients: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| host.namespace.within(|| (0..EACH).for_each(|_| drop(connect(to))))))
            .collect();
        scope.spawn(|| {
            let modes = [Mode::Learn, Mode::Shadow, Mode::Enforce];
            for (generation, mode) in (1..).zip(modes.into_iter().cycle()) {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                workers.switch(Policy { generation, ..policy(mode, &allow(to)) });
            }
        });
        let ended: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    let state = settled(&workers, 2 * EACH);
    assert_eq!(state.verdicts_of(Verdict::Allow), 2 * EACH, "no handshake was begun twice: {state:?}");
    assert!(state.queues.iter().all(|queue| queue.length == 0 && queue.missing == 0));
}

/// Connects. A lost packet would be retransmitted after a second and counted twice.
fn connect(to: std::net::SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(to).unwrap()
}
