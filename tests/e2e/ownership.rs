//! Users, units and containers.

use egret_tests::{Cgroup, Scratch, Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::stream;
use crate::test;

/// Nobody.
const NOBODY_UID: u32 = 65_534;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("ownership::user_is_named", user),
        test("ownership::unnamed_user_is_a_number", nameless),
        test("ownership::unit_of_a_removed_cgroup_is_known", unit),
        test("ownership::container_of_a_removed_cgroup_is_known", container),
        test("ownership::pod_is_found_in_a_containerised_node", pod),
        test("ownership::container_is_found_in_a_very_long_cgroup_path", long),
        test("ownership::named_container_has_its_name", named),
    ]
}

/// Runs a command of the generator as a user; returns the user id and name of its events.
fn user_of(id: u32) -> (Option<u32>, Option<String>) {
    let scratch = Scratch::new();
    let program = scratch.copy(&egret_tests::traffic(), "traffic-for-all");
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::by(&program, &["tcp-blocking"]).user(id).run();
    let seen = trace.stop_after(&report);
    stream(&seen, &report, &report.total);
    stream(&seen, report.server(), &report.server().total);
    let mut found: Vec<_> = seen.of_report(&report).iter().map(|event| (event.uid, event.user.clone())).collect();
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn user() {
    assert_eq!(user_of(NOBODY_UID), (Some(NOBODY_UID), Some("nobody".to_owned())));
}

fn nameless() {
    // An id that no tool assigns by default.
    assert_eq!(user_of(3_912_345_678), (Some(3_912_345_678), None));
}

/// The unit, container and runtime of a process in a cgroup that is removed when the process ends.
fn group(path: &str) -> [Option<String>; 3] {
    found(path, Cgroup::remove)
}

/// The same for a cgroup that still exists.
fn preexisting_group(path: &str) -> [Option<String>; 3] {
    let mut kept = None;
    let found = found(path, |group| kept = Some(group));
    kept.into_iter().for_each(Cgroup::remove);
    found
}

fn found(path: &str, after: impl FnOnce(Cgroup)) -> [Option<String>; 3] {
    let trace = Trace::start(&["--no-standing"]);
    let group = Cgroup::new(path);
    let waiting = Traffic::new(&["tcp-blocking", "--wait-stdin"]).start();
    group.take(waiting.pid());
    let report = waiting.go();
    after(group);
    let seen = trace.stop_after(&report);
    stream(&seen, &report, &report.total);
    let events = seen.of_report(&report);
    let mut found: Vec<_> =
        events.iter().map(|event| [&event.unit, &event.container, &event.runtime].map(Clone::clone)).collect();
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn unit() {
    let unit = format!("egret-e2e-{}.service", std::process::id());
    let found = group(&format!("egrettest.slice/{unit}"));
    assert_eq!(found, [Some(unit), None, None]);
}

fn container() {
    let id = format!("{:064x}", u64::from(std::process::id()) << 32 | 0xfeed);
    let scope = format!("docker-{id}.scope");
    let found = group(&format!("egrettest-containers.slice/{scope}"));
    assert_eq!(found, [Some(scope), Some(id), Some("docker".to_owned())]);
}

/// An id that no other test and no container has.
fn id(number: u64) -> String {
    format!("{:064x}", u64::from(std::process::id()) << 32 | number)
}

/// Longer than 255 bytes, as kind makes it.
fn pod() {
    let (node, pod, own) = (id(1), "kubelet-kubepods-burstable-pod2b8e0e0a_5a41_4f8e_9a2b_ad8f4cfd5d41.slice", id(2));
    let slices = "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice";
    let path = format!("egrettest-nodes.slice/docker-{node}.scope/{slices}/{pod}/cri-containerd-{own}.scope");
    assert!(path.len() > 255);
    let found = group(&path);
    assert_eq!(found[1..], [Some(own), Some("containerd".to_owned())]);
}

/// Longer than the path that the kernel reports at the creation of a cgroup.
fn long() {
    let own = id(3);
    let levels = vec!["x".repeat(200); 6].join("/");
    let found = preexisting_group(&format!("egrettest-{}-long/{levels}/docker-{own}.scope", std::process::id()));
    assert_eq!(found, [None, Some(own), Some("docker".to_owned())]);
}

fn named() {
    let name = format!("egrettest-{}", std::process::id());
    let found = group(&format!("lxc.payload.{name}/system.slice/web.service"));
    assert_eq!(found[1..], [Some(name), Some("lxc".to_owned())]);
}
