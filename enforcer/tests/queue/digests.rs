//! Rules about the digest of an executable.

use std::io::ErrorKind;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{FailurePolicy, Policy};
use egret_enforcer::queue::Settings;
use egret_model::Reason;
use libtest_mimic::Trial;

use crate::fakes::DIGEST;
use crate::host::{Host, V4, policy, settled};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queue::rule_matches_an_executable_by_its_digest", by_digest),
        test("queue::slow_digest_is_not_awaited_beyond_its_deadline", too_long),
    ]
}

fn rule(digest: &str, port: u16) -> String {
    format!("allow exe=/bin/p{port} sha256={digest} -> tcp 127.0.0.1 {port}")
}

fn by_digest() {
    let host = Host::new(1);
    let ((_right, right), (_wrong, wrong)) = (host.listen(V4), host.listen(V4));
    let rules = [rule(DIGEST, right.port()), rule(&"b".repeat(64), wrong.port())].join("\n");
    let workers = host.start(Settings::default(), policy(Mode::Enforce, &rules));
    host.connect(right).unwrap();
    assert_eq!(host.connect(wrong).unwrap_err(), ErrorKind::ConnectionRefused);
    let reasons: Vec<_> = host.fakes.evaluations(V4, 2).iter().map(|(_, evaluation)| evaluation.reason).collect();
    assert_eq!(reasons, [Reason::Rule, Reason::NoRule]);
    assert_eq!(workers.state().parked, 2);
}

fn too_long() {
    for (on_failure, expected) in
        [(FailurePolicy::Open, None), (FailurePolicy::Closed, Some(ErrorKind::ConnectionRefused))]
    {
        let host = Host::new(1);
        let (_listener, to) = host.listen(V4);
        let closed = host.fakes.digesting.close();
        let policy = Policy { on_failure, ..policy(Mode::Enforce, &rule(DIGEST, to.port())) };
        let settings = Settings { digest_within: Duration::from_millis(100), ..Settings::default() };
        let workers = host.start(settings, policy);
        assert_eq!(host.connect(to).err(), expected);
        assert_eq!(settled(&workers, 1).late, 1);
        drop(closed);
    }
}
