//! The report, from invented findings. The checks themselves are tested end to end.

use egret_capture::{Observation, Outcome, Probe, Support};
use egret_model::{Degradation, Layer};
use egret_view::exit;
use serde_json::Value;

use super::check::{Check, Status};
use super::enforcing::Enforcing;
use super::report::Report;
use super::{json, observations, text};

/// A host where nothing is missing.
fn probe() -> Probe {
    let yes = || Support::Yes("there".into());
    Probe {
        release: "6.18.0".into(),
        privilege: yes(),
        cgroup: Some("/sys/fs/cgroup".into()),
        btf: yes(),
        tracefs: Some("/sys/kernel/tracing".into()),
        lengths: yes(),
        processes: yes(),
    }
}

fn report(available: &[Layer], checks: Vec<Check>) -> Report {
    let release = "6.18.0".into();
    Report { release, checks, available: available.to_vec(), reduced: Vec::new(), enforcing: Enforcing::default() }
}

fn no_cgroup() -> Check {
    Check::new(Layer::Sockets, "cgroup_v2", Status::Missing, "not mounted").without(Degradation::NoCgroup2)
}

fn parsed(report: &Report) -> Value {
    serde_json::from_str(&json::render(report).unwrap()).unwrap()
}

#[test]
fn the_best_available_layer_is_chosen() {
    assert_eq!(report(&[Layer::Sockets, Layer::Syscalls, Layer::Procfs], vec![]).chosen(), Layer::Sockets);
    assert_eq!(report(&[Layer::Syscalls, Layer::Procfs], vec![]).chosen(), Layer::Syscalls);
    assert_eq!(report(&[Layer::Procfs], vec![]).chosen(), Layer::Procfs);
}

#[test]
fn procfs_alone_is_unsupported_and_a_degradation() {
    let scan = report(&[Layer::Procfs], vec![]);
    assert_eq!(scan.exit_status(), exit::UNSUPPORTED);
    assert_eq!(scan.degradations(), [Degradation::ScanOnly]);
    let calls = report(&[Layer::Syscalls, Layer::Procfs], vec![]);
    assert_eq!(calls.exit_status(), exit::DONE);
    assert!(calls.degradations().is_empty());
}

#[test]
fn each_degradation_is_reported_once() {
    let mut report = report(&[Layer::Syscalls, Layer::Procfs], vec![no_cgroup(), no_cgroup()]);
    report.reduced = vec![Degradation::NoCgroup2, Degradation::NoRawPeers];
    assert_eq!(report.degradations(), [Degradation::NoCgroup2, Degradation::NoRawPeers]);
    let text = text::render(&report);
    for degradation in report.degradations() {
        assert_eq!(text.matches(degradation.consequence()).count(), 1, "{text}");
        assert_eq!(text.matches(degradation.remedy()).count(), 1, "{text}");
    }
}

#[test]
fn a_check_that_is_ok_has_no_degradation() {
    let check = Check::new(None, "privilege", Status::Ok, "root").without(Degradation::NoBpfPrivilege);
    assert_eq!(check.degradation, None);
}

#[test]
fn text_has_a_line_for_each_check_below_its_layer() {
    let privilege = Check::new(None, "privilege", Status::Ok, "CAP_SYS_ADMIN");
    let text = text::render(&report(&[Layer::Syscalls, Layer::Procfs], vec![privilege, no_cgroup()]));
    let at = |line: &str| {
        text.lines().position(|found| found.trim_end() == line).unwrap_or_else(|| panic!("{line}: {text}"))
    };
    assert!(at("  ok           privilege                   CAP_SYS_ADMIN") < at("sockets: not available"));
    assert!(at("sockets: not available") < at("  missing      cgroup_v2                   not mounted"));
    assert!(at("  missing      cgroup_v2                   not mounted") < at("syscalls: chosen"));
    assert!(at("syscalls: chosen") < at("procfs: available"));
    assert_eq!(text.lines().last(), Some("--capture auto takes syscalls"));
}

#[test]
fn json_has_the_same_report() {
    let report = report(&[Layer::Syscalls, Layer::Procfs], vec![no_cgroup()]);
    assert_eq!(json::render(&report).unwrap().lines().count(), 1);
    let document = parsed(&report);
    assert_eq!(document["kernel_release"], "6.18.0");
    let expected = serde_json::json!([{
        "name": "cgroup_v2", "layer": "sockets", "status": "missing", "detail": "not mounted", "degradation": "no_cgroup2",
    }]);
    assert_eq!(document["checks"], expected);
    let layers = serde_json::json!([
        { "name": "sockets", "available": false, "chosen": false },
        { "name": "syscalls", "available": true, "chosen": true },
        { "name": "procfs", "available": true, "chosen": false },
    ]);
    assert_eq!(document["layers"], layers);
    let lost = &document["degradations"][0];
    assert_eq!(lost["name"], "no_cgroup2");
    assert_eq!(lost["consequence"], Degradation::NoCgroup2.consequence());
    assert_eq!(lost["remedy"], Degradation::NoCgroup2.remedy());
}

fn checked(layer: Layer, probe: &Probe, name: &'static str, outcome: Outcome) -> Check {
    observations::check(layer, probe, Observation { name, outcome })
}

#[test]
fn unseen_operations_are_failures() {
    for outcome in [Outcome::NotSeen, Outcome::Partly("without its process".into())] {
        let check = checked(Layer::Sockets, &probe(), "tcp_connect", outcome);
        assert_eq!((check.status, check.degradation), (Status::Failed, Some(Degradation::SelfTestUnseen)));
    }
    let seen = checked(Layer::Sockets, &probe(), "tcp_connect", Outcome::Seen);
    assert_eq!((seen.status, seen.degradation), (Status::Ok, None));
}

#[test]
fn operations_that_a_layer_cannot_see_are_missing() {
    let uring = checked(Layer::Syscalls, &probe(), "io_uring_connect", Outcome::NotSeen);
    assert_eq!(uring.status, Status::Missing);
    let ping = checked(Layer::Sockets, &probe(), "icmp_send", Outcome::WithoutPeer);
    assert_eq!((ping.status, ping.degradation), (Status::Missing, Some(Degradation::NoRawPeers)));
}

#[test]
fn missing_types_explain_only_operations_that_need_them() {
    let untyped = Probe { btf: Support::No("none".into()), ..probe() };
    assert_eq!(checked(Layer::Sockets, &untyped, "udp_write", Outcome::NotSeen).status, Status::Missing);
    assert_eq!(checked(Layer::Sockets, &untyped, "tcp_connect", Outcome::NotSeen).status, Status::Failed);
    assert_eq!(checked(Layer::Sockets, &probe(), "udp_write", Outcome::NotSeen).status, Status::Failed);
}

#[test]
fn operations_that_were_not_tried_are_not_checked() {
    let check = checked(Layer::Sockets, &probe(), "io_uring_connect", Outcome::NotChecked("not allowed".into()));
    assert_eq!((check.status, check.degradation), (Status::NotChecked, None));
    assert_eq!(check.detail, "not allowed");
}
