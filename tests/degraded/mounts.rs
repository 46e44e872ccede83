//! File systems that are not mounted.

use serde_json::Value;

use crate::environment::{Environment, Installed, Ran};
use crate::traffic::{opened, trace_beside, trace_connect};

fn no_cgroup() -> Environment {
    Environment::whole().without_file_systems(&["cgroup2"])
}

fn no_tracefs() -> Environment {
    Environment::whole().without_file_systems(&["tracefs", "debugfs"])
}

pub(crate) fn sockets_layer_names_missing_cgroup_v2(egret: &Installed) {
    let ran = no_cgroup().run(egret, &["trace", "--capture", "sockets", "--duration", "1s"]);
    ran.ends_with(3).stderr_has(&["sockets", "cgroup v2", "mount -t cgroup2"]);
}

pub(crate) fn auto_without_cgroup_v2_uses_the_syscalls_layer(egret: &Installed) {
    let (ran, pid, port) = trace_connect(&no_cgroup(), egret, &[]);
    let ran = ran.ends_with(0).adds_up().stderr_has(&["no_cgroup2", "cgroup v2"]);
    let event = opened(&ran, port);
    assert_eq!(event["egret.capture"], "syscalls", "{ran}");
    assert_eq!(event["process.pid"], pid, "{ran}");
}

pub(crate) fn doctor_reports_missing_cgroup_v2(egret: &Installed) {
    let ran = no_cgroup().run(egret, &["doctor", "--json"]).ends_with(0);
    assert_eq!(check(&ran, "cgroup_v2")["status"], "missing", "{ran}");
    assert_eq!(chosen(&ran), "syscalls", "{ran}");
    assert!(degradations(&ran).contains(&"no_cgroup2".to_owned()), "{ran}");
}

/// No kernel layer is usable.
pub(crate) fn auto_without_cgroup_v2_and_tracefs_uses_scans(egret: &Installed) {
    let environment = Environment::whole().without_file_systems(&["cgroup2", "tracefs", "debugfs"]);
    let ran = environment.run(egret, &["trace", "--format", "json", "--duration", "500ms"]).ends_with(0).adds_up();
    ran.stderr_has(&["cgroup v2", "tracefs", "scan_only"]);
    let ran = environment.run(egret, &["doctor", "--json"]).ends_with(3);
    assert_eq!(chosen(&ran), "procfs", "{ran}");
}

pub(crate) fn syscalls_layer_names_missing_tracefs(egret: &Installed) {
    let ran = no_tracefs().run(egret, &["trace", "--capture", "syscalls", "--duration", "1s"]);
    ran.ends_with(3).stderr_has(&["syscalls", "tracefs", "mount -t tracefs"]);
}

/// The sockets layer finds its tracepoints by BTF.
pub(crate) fn sockets_layer_needs_no_tracefs(egret: &Installed) {
    let (ran, pid, port) = trace_connect(&no_tracefs(), egret, &["--capture", "sockets"]);
    let ran = ran.ends_with(0).adds_up();
    assert_eq!(opened(&ran, port)["process.pid"], pid, "{ran}");
    let ran = no_tracefs().run(egret, &["doctor", "--json"]).ends_with(0);
    assert_eq!(check(&ran, "tracefs")["status"], "missing", "{ran}");
    assert_eq!(chosen(&ran), "sockets", "{ran}");
    assert!(degradations(&ran).contains(&"no_tracefs".to_owned()), "{ran}");
}

/// The kernel mounts tracefs below debugfs automatically, for old programs.
pub(crate) fn tracefs_below_debugfs_is_found(egret: &Installed) {
    let environment = no_tracefs().with_mount("debugfs", "/sys/kernel/debug");
    let ran = environment.run(egret, &["doctor", "--json"]).ends_with(0);
    let tracefs = check(&ran, "tracefs");
    assert_eq!(tracefs["status"], "ok", "{ran}");
    assert_eq!(tracefs["detail"], "/sys/kernel/debug/tracing", "{ran}");
    let (ran, pid, port) = trace_connect(&environment, egret, &["--capture", "syscalls"]);
    let ran = ran.ends_with(0).adds_up();
    assert_eq!(opened(&ran, port)["process.pid"], pid, "{ran}");
}

pub(crate) fn connects_are_attributed_without_btf(egret: &Installed) {
    let environment = Environment::whole().without_types();
    let (ran, pid, port) = trace_connect(&environment, egret, &["--capture", "sockets"]);
    let ran = ran.ends_with(0).adds_up().stderr_has(&["no_btf", "CONFIG_DEBUG_INFO_BTF"]);
    let event = opened(&ran, port);
    assert_eq!(event["process.pid"], pid, "{ran}");
    assert_eq!(event["egret.attribution"], "cookie", "{ran}");
    assert_eq!(event["egret.capture"], "sockets", "{ran}");
    let ran = environment.run(egret, &["doctor", "--json"]).ends_with(0);
    assert_eq!(check(&ran, "kernel_types")["status"], "missing", "{ran}");
    assert_eq!(check(&ran, "self_test.tcp_connect")["status"], "ok", "{ran}");
    assert_eq!(check(&ran, "self_test.io_uring_connect")["status"], "ok", "{ran}");
}

/// Without BTF no hook counts bytes: the value is absent rather than zero.
pub(crate) fn byte_counts_are_absent_or_correct_without_btf(egret: &Installed) {
    let (ran, _, port) = trace_connect(&Environment::whole().without_types(), egret, &["--capture", "sockets"]);
    let ran = ran.ends_with(0);
    let ours = ran.events().into_iter().filter(|event| event["network.peer.port"] == port);
    let closed: Vec<Value> = ours.filter(|event| event["event.name"] == "connection.close").collect();
    assert_eq!(closed.len(), 1, "{ran}");
    let sent = &closed[0]["egret.bytes.sent"];
    assert!(sent.is_null() || *sent == 3, "three bytes were sent, not {sent}: {ran}");
}

pub(crate) fn missing_btf_and_tracefs_are_both_named(egret: &Installed) {
    let environment = no_tracefs().without_types();
    let (ran, pid, port) = trace_beside(&environment, egret, &["--capture", "sockets"]);
    let ran = ran.ends_with(0).adds_up().stderr_has(&["no_btf", "no_tracefs"]);
    assert_eq!(opened(&ran, port)["process.pid"], pid, "{ran}");
}

/// No hook follows processes: either the command's connections are shown all the same, or the trace does not start.
pub(crate) fn command_that_cannot_be_followed_is_reported_or_refused(egret: &Installed) {
    let arguments =
        ["trace", "--format", "json", "--capture", "sockets", "--", "bash", "-c", "exec 3<>/dev/udp/127.0.0.1/9"];
    let ran = no_tracefs().without_types().run(egret, &arguments);
    if ran.status == 3 {
        ran.stderr_has(&["tracefs"]);
    } else {
        let ran = ran.ends_with(0);
        assert_eq!(opened(&ran, 9)["process.executable.name"], "bash", "{ran}");
    }
}

fn report_of(ran: &Ran) -> Value {
    ran.events().into_iter().next().unwrap_or_else(|| panic!("no report: {ran}"))
}

fn check(ran: &Ran, name: &str) -> Value {
    let report = report_of(ran);
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).cloned().unwrap_or_else(|| panic!("no check {name}: {ran}"))
}

fn chosen(ran: &Ran) -> String {
    let report = report_of(ran);
    let mut layers = report["layers"].as_array().unwrap().iter();
    layers.find(|layer| layer["chosen"] == true).unwrap()["name"].as_str().unwrap().to_owned()
}

fn degradations(ran: &Ran) -> Vec<String> {
    report_of(ran)["degradations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}
