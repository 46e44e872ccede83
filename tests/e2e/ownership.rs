//! Users, units and containers.

use egret_tests::{Cgroup, Scratch, Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::stream;
use crate::test;

/// Nobody.
const NOBODY: u32 = 65_534;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("ownership::user", user),
        test("ownership::user_without_a_name", nameless),
        test("ownership::systemd_unit_of_a_removed_group", unit),
        test("ownership::container_of_a_removed_group", container),
    ]
}

/// Runs a way as a user; the user and name that egret tells of all its events.
fn told_user(id: u32) -> (Option<u32>, Option<String>) {
    let scratch = Scratch::new();
    let program = scratch.copy(&egret_tests::traffic(), "traffic-for-all");
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::by(&program, &["tcp-blocking"]).user(id).run();
    let seen = trace.stop_after(&report);
    stream(&seen, &report, &report.total);
    stream(&seen, report.server(), &report.server().total);
    let mut told: Vec<_> = seen.of_report(&report).iter().map(|event| (event.uid, event.user.clone())).collect();
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

fn user() {
    assert_eq!(told_user(NOBODY), (Some(NOBODY), Some("nobody".to_owned())));
}

fn nameless() {
    // Nobody's by convention, and far from what tools hand out.
    assert_eq!(told_user(3_912_345_678), (Some(3_912_345_678), None));
}

/// Runs a way in a group that is gone when it ends; the unit, container and runtime that egret tells of all its events.
fn told_group(path: &str) -> [Option<String>; 3] {
    let trace = Trace::start(&["--no-standing"]);
    let group = Cgroup::new(path);
    let waiting = Traffic::new(&["tcp-blocking", "--wait-stdin"]).start();
    group.take(waiting.pid());
    let report = waiting.go();
    group.remove();
    let seen = trace.stop_after(&report);
    stream(&seen, &report, &report.total);
    let events = seen.of_report(&report);
    let mut told: Vec<_> =
        events.iter().map(|event| [&event.unit, &event.container, &event.runtime].map(Clone::clone)).collect();
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

fn unit() {
    let unit = format!("egret-e2e-{}.service", std::process::id());
    let told = told_group(&format!("egrettest.slice/{unit}"));
    assert_eq!(told, [Some(unit), None, None]);
}

fn container() {
    let id = format!("{:064x}", u64::from(std::process::id()) << 32 | 0xfeed);
    let scope = format!("docker-{id}.scope");
    let told = told_group(&format!("egrettest-containers.slice/{scope}"));
    assert_eq!(told, [Some(scope), Some(id), Some("docker".to_owned())]);
}
